"""From a query's samples to its pair: every reward there is, and what became of the query."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....models.encoder import DenseEncoder
from ....schemas.points import FloatArray
from ....schemas.preferences import PreferencePair
from .judged import Judged
from .options import PreferenceOptions
from .outcome import FAR, NEAR, SAME, Measures, Outcome
from .retrieval import Ranked, RetrievalReward
from .rewards import picked, published, reward
from .sample import Sampled


class Scorer:
    """``Scorer(encoder, PreferenceOptions(), retrieval, of_index).outcome(judged, sampled)``.

    Args:
        encoder: by whose cosines the published reward compares.
        retrieval: None where nothing is searched.
        of_index: the index's dense encoder, whose vectors are searched with.
    """

    def __init__(
        self,
        encoder: DenseEncoder,
        options: PreferenceOptions,
        retrieval: RetrievalReward | None = None,
        of_index: DenseEncoder | None = None,
    ) -> None:
        self._encoder = encoder
        self._options = options
        self._retrieval = retrieval
        self._of_index = of_index or encoder

    def outcome(self, judged: Judged, sampled: Sampled) -> Outcome:
        """What became of a query; all its samples are encoded at once."""
        counts = Outcome(
            key=judged.key,
            samples=sampled.asked,
            unusable=sampled.unusable,
            alike=sampled.asked - sampled.unusable - len(sampled.passages),
        )
        if len(sampled.passages) < 2:
            return counts.model_copy(update={"reason": SAME})
        vectors = self._encoder.encode_documents(sampled.passages)  # (samples, dim)
        to_passage = self._nearest(vectors, [each.encoder_text for each in judged.positives])
        # Without an answer the passage stands in for it, so that rewards and threshold keep their scale.
        to_answer = self._nearest(vectors, [sampled.answer]) if sampled.answer else to_passage
        similarities = to_passage + to_answer
        worth = published(to_passage, to_answer)
        ranked = self._ranked(judged, sampled.passages, vectors)
        if ranked is not None:
            counts = counts.model_copy(update={"measures": _measures(ranked)})
        options = self._options
        if options.ranked_by != "retrieval" and float(similarities.max()) < options.threshold:
            return counts.model_copy(update={"reason": FAR})
        rewards = reward(options.ranked_by, worth, ranked.expanded if ranked else None)
        found = picked(rewards, similarities, options.margin)
        if found is None:
            return counts.model_copy(update={"reason": NEAR})
        parts = {"published": worth, "similarity": similarities}
        if ranked is not None:
            parts |= {"retrieval": ranked.expanded, "gain": ranked.expanded - ranked.plain}
        pair = PreferencePair(
            query_id=judged.query_id,
            query=judged.query,
            prompt=sampled.prompt,
            chosen=sampled.texts[found.chosen],
            rejected=sampled.texts[found.rejected],
            chosen_reward=float(rewards[found.chosen]),
            rejected_reward=float(rewards[found.rejected]),
            rewards={
                f"{side}_{name}": round(float(values[place]), 6)
                for side, place in found._asdict().items()
                for name, values in parts.items()
            },
        )
        return counts.model_copy(update={"pair": pair})

    def _nearest(self, vectors: FloatArray, texts: Sequence[str]) -> FloatArray:
        """The similarity of each vector to the nearest of the texts, ``(samples,)``."""
        nearest: FloatArray = (vectors @ self._encoder.encode_documents(texts).T).max(axis=1)
        return nearest

    def _ranked(self, judged: Judged, passages: Sequence[str], vectors: FloatArray) -> Ranked | None:
        if self._retrieval is None:
            return None
        if self._of_index is not self._encoder:
            vectors = self._of_index.encode_documents(passages)
        return self._retrieval.of(judged, passages, vectors)


def _measures(ranked: Ranked) -> Measures:
    values = ranked.expanded
    return Measures(
        plain=ranked.plain,
        mean=float(np.mean(values)),
        best=float(values.max()),
        worst=float(values.min()),
    )
