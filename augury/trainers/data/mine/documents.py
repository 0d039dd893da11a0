"""Documents of an index by their ids, each by the passage nearest to a query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ....connector.index import Index
from ....schemas.points import FloatArray, Record
from ....schemas.training import TrainingPassage
from .candidate import Candidate

_STORED = ("doc_id", "title", "text")
_IDS = 500
"""Ids asked for in one request."""


class Documents:
    """``Documents(index).of(["d1"])["d1"].nearest(query)``."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def of(self, ids: Iterable[str]) -> dict[str, Chunks]:
        """The passages of these documents; those that the index does not hold are absent."""
        wanted = list(dict.fromkeys(ids))
        dense = self._index.profile.names.dense
        found: dict[str, list[Record]] = {}
        for start in range(0, len(wanted), _IDS):
            filter = {"must": [{"key": "doc_id", "match": {"any": wanted[start : start + _IDS]}}]}
            for records in self._index.store.scroll(filter, payload=_STORED, vectors=(dense,)):
                for record in records:
                    found.setdefault(record.payload["doc_id"], []).append(record)
        return {doc: Chunks(records, dense) for doc, records in found.items()}


class Chunks:
    """The passages of one document."""

    def __init__(self, records: Sequence[Record], dense: str) -> None:
        self._records = records
        self._vectors = np.stack([np.asarray(record.vectors[dense]) for record in records])  # (chunks, dim)

    def nearest(self, query: FloatArray) -> Candidate:
        """The passage most similar to a query's vector ``(dim,)``, with that similarity as its score."""
        similarities = self._vectors @ query
        best = int(np.argmax(similarities))
        record = self._records[best]
        passage = TrainingPassage(
            text=record.payload.get("text", ""),
            title=record.payload.get("title", ""),
            doc_id=record.payload["doc_id"],
        )
        return Candidate(passage, record.id, float(similarities[best]))
