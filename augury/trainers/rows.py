"""What an epoch goes through: a query, one of its positives, and as many negatives as the config says."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import SourceError, UsageError
from ..schemas.training import TrainingPassage, TrainingRecord


@dataclass(frozen=True, slots=True)
class Row:
    """``Row(query, positive, negatives, scores, expansions, positives)``: texts as the encoders read them.

    Attributes:
        scores: a teacher's, of the positive and of each negative; empty where they are not wanted.
        positives: every text that answers the query, which may be nobody's negative beside it.
    """

    query: str
    positive: str
    negatives: tuple[str, ...]
    scores: tuple[float, ...]
    expansions: tuple[str, ...]
    positives: frozenset[str]


def query_key(query: str) -> str:
    """By which two queries are the same: case and blanks do not count."""
    return " ".join(query.casefold().split())


def make_rows(
    records: Sequence[TrainingRecord],
    *,
    negatives: int,
    expansions: int = 0,
    teacher: bool = False,
    seed: int = 0,
) -> tuple[list[Row], list[str]]:
    """``rows, notes = make_rows(records, negatives=2)``: a row for each positive of each query.

    A query with too few negatives of its own gets random documents of the other queries. A row is left out
    where a teacher's scores or expansions are wanted and are not there; the notes say so.

    Raises:
        SourceError: there is no query, or only one.
        UsageError: no row is left.
    """
    answers: dict[str, set[str]] = {}
    for record in records:
        texts = (passage.encoder_text for passage in record.positives)
        answers.setdefault(query_key(record.query), set()).update(texts)
    if len(answers) < 2:
        raise SourceError(
            f"The training data has {'no query' if not answers else 'only one query'}",
            "Training needs two queries at least, so that one's answer can be the other's wrong one",
        )
    pool = _pool(records)
    drawing = random.Random(seed)
    rows: list[Row] = []
    left_out: Counter[str] = Counter()
    both: list[str] = []
    for record in records:
        mine = answers[query_key(record.query)]
        hard = [
            each for each in record.negatives if each.encoder_text.strip() and each.encoder_text not in mine
        ]
        if any(each.encoder_text in mine for each in record.negatives):
            both.append(record.query)
        if len(record.expansions) < expansions:
            left_out[f"fewer than {expansions} expansions"] += len(record.positives)
            continue
        for positive in record.positives:
            if not record.query.strip() or not positive.encoder_text.strip():
                left_out["an empty query or positive"] += 1
                continue
            if teacher and (positive.score is None or any(each.score is None for each in hard) or not hard):
                left_out["no teacher's score for every passage, or no negative"] += 1
                continue
            chosen = _negatives(hard, [] if teacher else pool, mine, negatives, drawing)
            if len(chosen) < negatives:
                left_out["no negative to be found"] += 1
                continue
            rows.append(
                Row(
                    query=record.query,
                    positive=positive.encoder_text,
                    negatives=tuple(each.encoder_text for each in chosen),
                    scores=tuple(float(each.score or 0) for each in (positive, *chosen)) if teacher else (),
                    expansions=record.expansions[:expansions],
                    positives=frozenset(mine),
                )
            )
    if not rows:
        reason = next(iter(left_out), "it is empty")
        raise UsageError(
            f"No row of the training data can be used: {reason}",
            "Add that to the data, or choose another loss",
        )
    notes = [f"Rows left out for {reason}: {count}." for reason, count in left_out.items()]
    if both:
        notes.append(
            f"A positive was also a negative, and is no negative here: {len(both)} records, such as that of "
            f"{both[0][:80]!r}."
        )
    return rows, notes


def _pool(records: Iterable[TrainingRecord]) -> list[TrainingPassage]:
    """Every passage once, by its text."""
    passages: dict[str, TrainingPassage] = {}
    for record in records:
        for passage in (*record.positives, *record.negatives):
            passages.setdefault(passage.encoder_text, passage)
    return list(passages.values())


def _negatives(
    hard: Sequence[TrainingPassage],
    pool: Sequence[TrainingPassage],
    answers: set[str],
    wanted: int,
    drawing: random.Random,
) -> list[TrainingPassage]:
    """So many of the hard ones, drawn; then of the pool, without what answers the query."""
    chosen = drawing.sample(hard, min(wanted, len(hard)))
    if len(chosen) == wanted or not pool:
        # A teacher scored no others, so its own come again.
        return chosen + drawing.choices(hard, k=wanted - len(chosen)) if hard else chosen
    taken = {passage.encoder_text for passage in chosen} | answers
    for _ in range(10 * wanted):
        passage = drawing.choice(pool)
        if passage.encoder_text not in taken and passage.encoder_text.strip():
            taken.add(passage.encoder_text)
            chosen.append(passage)
        if len(chosen) == wanted:
            return chosen
    return chosen + drawing.choices(chosen, k=wanted - len(chosen)) if chosen else chosen
