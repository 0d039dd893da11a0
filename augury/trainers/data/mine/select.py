"""Which candidates become negatives, and why the others do not."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ....schemas.document import digest
from ....schemas.training import TrainingPassage
from ..near_duplicates import PASSAGE_SHINGLE, jaccard, normal, shingles
from .asked import Asked, KnownPositives
from .candidate import Found
from .options import MiningOptions


class Selected(NamedTuple):
    """The negatives, how many more there could have been, and reasons for the rest."""

    negatives: tuple[TrainingPassage, ...]
    left: int
    dropped: Counter[str]


def select(
    asked: Asked,
    found: Found,
    known: KnownPositives,
    options: MiningOptions,
    scores: Sequence[float] | None,
    lowest: float | None,
) -> Selected:
    """Args:
    scores: of the candidates, by the teacher; None without one.
    lowest: the lowest score of a positive, by the teacher or the first stage; None where there is none.
    """
    dropped: Counter[str] = Counter()
    positives = [shingles(each.passage.encoder_text, PASSAGE_SHINGLE) for each in found.positives]
    seen = {normal(each.encoder_text) for each in asked.negatives}
    kept: list[TrainingPassage] = []
    for number, candidate in enumerate(found.candidates):
        passage = candidate.passage
        score = candidate.score if scores is None else scores[number]
        text = normal(passage.encoder_text)
        if known.has(asked.query, passage):
            dropped["a positive"] += 1
        elif passage.doc_id in asked.forbidden:
            dropped["excluded"] += 1
        elif text in seen:
            dropped["the text of another negative"] += 1
        elif _like(passage, positives, options.similarity):
            dropped["like a positive"] += 1
        elif _as_good(score, lowest, options, judged=scores is not None):
            dropped["as good as a positive"] += 1
        else:
            seen.add(text)
            kept.append(passage.model_copy(update={"score": None if scores is None else scores[number]}))
    chosen = kept[: options.negatives]
    if options.pick == "random" and len(kept) > options.negatives:
        draw = random.Random(digest(options.seed, asked.key))
        chosen = [kept[number] for number in sorted(draw.sample(range(len(kept)), options.negatives))]
    return Selected(tuple(chosen), len(kept) - len(chosen), dropped)


def _like(passage: TrainingPassage, positives: Sequence[frozenset[str]], similarity: float) -> bool:
    mine = shingles(passage.encoder_text, PASSAGE_SHINGLE)
    return any(jaccard(mine, positive) >= similarity for positive in positives)


def _as_good(score: float | None, lowest: float | None, options: MiningOptions, *, judged: bool) -> bool:
    """Whether the rule takes a candidate for an answer. Where the first stage did not find the positive, all
    it found is above it."""
    if not judged and options.margin is None and options.ratio is None:
        return False
    return lowest is None or score is None or score >= options.bound(lowest)
