"""Who says how well a passage answers a query: a cross-encoder, or the index's own dense vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ....connector.index import Index
from ....models.reranker import TextReranker
from ....schemas.points import FloatArray, PointId
from .candidate import Candidate

DENSE = "dense"


class Teacher(Protocol):
    """Scores passages; higher is better, on whatever scale."""

    def score(
        self, queries: Sequence[str], candidates: Sequence[Sequence[Candidate]]
    ) -> Sequence[FloatArray]:
        """For each query the scores ``(n,)`` of its own ``n`` passages."""
        ...


class CrossEncoderTeacher:
    """``CrossEncoderTeacher(load_cross_encoder("cross-encoder/ms-marco-MiniLM-L6-v2"))``."""

    def __init__(self, model: TextReranker) -> None:
        self._model = model

    def score(
        self, queries: Sequence[str], candidates: Sequence[Sequence[Candidate]]
    ) -> Sequence[FloatArray]:
        """The model's logits."""
        texts = [[each.passage.encoder_text for each in own] for own in candidates]
        return self._model.score(queries, texts)


class DenseTeacher:
    """``DenseTeacher(index)``: cosines of the index's dense vectors; what it does not hold is encoded."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def score(
        self, queries: Sequence[str], candidates: Sequence[Sequence[Candidate]]
    ) -> Sequence[FloatArray]:
        """Cosines, -1 to 1."""
        encoder = self._index.models.dense
        stored = self._stored({each.point for own in candidates for each in own if each.point is not None})
        others = [each for own in candidates for each in own if each.point not in stored]
        texts = list(dict.fromkeys(each.passage.encoder_text for each in others))
        encoded = dict(zip(texts, encoder.encode_documents(texts), strict=True)) if texts else {}
        found: list[FloatArray] = []
        for query, own in zip(encoder.encode_queries(list(queries)), candidates, strict=True):
            rows = [
                stored[each.point] if each.point in stored else encoded[each.passage.encoder_text]
                for each in own
            ]
            found.append(np.stack(rows) @ query if rows else np.empty(0, np.float32))
        return found

    def _stored(self, points: set[PointId]) -> dict[PointId | None, FloatArray]:
        name = self._index.profile.names.dense
        records = self._index.store.vectors(sorted(points, key=str), (name,), payload=False)
        return {point: np.asarray(record.vectors[name]) for point, record in records.items()}
