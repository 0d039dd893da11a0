"""Are the two generations the same but for what was to change? Counts, and the vectors of a sample."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from ...schemas.points import PointId, Record, SparseVector, Vector
from ...schemas.reindex import Sample
from ..store.base import Store
from .carry import Carrier
from .rechunk import Rechunker

_CHECKED = 64
_NAMED = 5
_TOLERANCE = 1e-5  # a server scales cosine vectors to length 1 once more
_FIRST_CHUNKS: dict[str, Any] = {"must": [{"key": "chunk", "match": {"value": 0}}]}


def counts(store: Store) -> tuple[int, int]:
    """How many documents and passages a generation holds."""
    return store.count(_FIRST_CHUNKS), store.count()


def sample(carrier: Carrier) -> Sample:
    """Some passages of the new generation, by chance: copied vectors are equal, new ones finite, not empty.

    A passage that is written at this moment is left out.
    """
    ids = _some(carrier.target)
    kept, names = carrier.kept, carrier.new.names
    copied = [
        name
        for name, same in (
            (names.dense, kept.dense),
            (names.scenarios, kept.rows),
            (names.sparse, kept.sparse),
            (names.hypencoder, kept.hypencoder),
        )
        if same
    ]
    new = carrier.target.vectors(ids, tuple(carrier.target.info().vectors))
    old = carrier.source.vectors(ids, copied)
    found = Sample()
    for point, record in new.items():
        before = record if isinstance(carrier, Rechunker) else old.get(point)
        if before is None or _fingerprint(carrier, before) != record.payload["fingerprint"]:
            continue
        found.checked += 1
        wrong = _wrong(carrier, before, record, copied)
        if wrong and len(found.wrong) < _NAMED:
            found.wrong.append(f"{wrong} of {record.payload['doc_id']!r}, passage {record.payload['chunk']}")
    return found


def _fingerprint(carrier: Carrier, old: Record) -> str:
    if isinstance(carrier, Rechunker):
        return str(old.payload["fingerprint"])
    return str(carrier.wanted(old.payload))


def _some(store: Store) -> list[PointId]:
    """Ids drawn by chance, each as likely as any (reservoir sampling, Vitter's algorithm R)."""
    drawn: list[PointId] = []
    chance = random.Random(0)
    seen = 0
    for records in store.scroll(payload=False):
        for record in records:
            seen += 1
            if len(drawn) < _CHECKED:
                drawn.append(record.id)
            elif (place := chance.randrange(seen)) < _CHECKED:
                drawn[place] = record.id
    return drawn


def _wrong(carrier: Carrier, old: Record, new: Record, copied: list[str]) -> str:
    """What is wrong with a passage; empty where nothing is."""
    if old.payload["text"] != new.payload["text"] or old.payload["metadata"] != new.payload["metadata"]:
        return "the text"
    spec = carrier.new.collection()
    for name in spec.vectors:
        vector = new.vectors.get(name)
        if not isinstance(vector, np.ndarray) or not np.isfinite(vector).all() or not vector.any():
            return f"the vector {name}"
        if vector.shape[-1] != spec.vectors[name].size:
            return f"the vector {name}"
    for name in copied:
        if not _close(old.vectors.get(name), new.vectors.get(name)):
            return f"the copied vector {name}"
    rows = new.vectors[carrier.new.names.scenarios]
    if isinstance(rows, np.ndarray) and len(rows) != max(1, len(new.payload["scenarios"])):
        return "the scenarios"
    return ""


def _close(mine: Vector | None, theirs: Vector | None) -> bool:
    if isinstance(mine, SparseVector) and isinstance(theirs, SparseVector):
        return np.array_equal(mine.indices, theirs.indices) and np.allclose(
            mine.values, theirs.values, atol=_TOLERANCE
        )
    if isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray):
        return mine.shape == theirs.shape and np.allclose(mine, theirs, atol=_TOLERANCE)
    return mine is None and theirs is None
