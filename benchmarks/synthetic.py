"""Passages, scenarios and queries without an encoder: ``Synthetic(20_000).batches()``, the same in every run.

Passages lie around centres, scenarios around their passage, queries around a passage, all on the unit sphere;
how far is such that the cosine of a passage and one of its scenarios is about .7, as with MiniLM. Terms are
drawn by Zipf's law, so a few are in most passages and most in a few.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from augury.connector.fold import fold
from augury.schemas.points import FloatArray, SparseVector

DIM, ROWS, ALPHA = 384, 4, 0.3
BATCH = 256
_PER_CENTRE, _SPREAD, _NEAR = 50, 1.0, 0.95
_TERMS, _NONZERO, _QUERY_NONZERO, _ZIPF = 30_000, 120, 20, 1.0


@dataclass(frozen=True)
class Batch:
    """Some passages: the first one's number, vectors (n, dim), folded rows (n, rows, dim), term weights."""

    start: int
    dense: FloatArray
    rows: FloatArray
    sparse: list[SparseVector]


class Synthetic:
    """``Synthetic(passages)``: so many passages, made anew each time they are gone through."""

    def __init__(self, passages: int, *, terms: bool = True) -> None:
        self.passages = passages
        self._terms = terms
        rng = np.random.default_rng(1)
        self._centres = _unit(rng.standard_normal((max(10, passages // _PER_CENTRE), DIM), dtype=np.float32))
        weights = 1 / np.arange(1, _TERMS + 1) ** _ZIPF
        self._chance = np.cumsum(weights / weights.sum())

    def batches(self) -> Iterator[Batch]:
        """All passages."""
        for start in range(0, self.passages, BATCH):
            yield self._batch(start)

    def queries(self, count: int) -> Iterator[tuple[FloatArray, SparseVector]]:
        """A vector (dim,) and terms for each of some passages, chosen by chance."""
        rng = np.random.default_rng(2)
        for passage in rng.integers(0, self.passages, count):
            batch = self._batch(int(passage) // BATCH * BATCH)
            yield _near(batch.dense[passage % BATCH], rng), self._weights(rng, _QUERY_NONZERO)

    def _batch(self, start: int) -> Batch:
        rng = np.random.default_rng((3, start))
        count = min(BATCH, self.passages - start)
        centres = self._centres[rng.integers(0, len(self._centres), count)]
        dense = _unit(centres + _SPREAD * _directions(rng, centres.shape))
        scenarios = _near(np.repeat(dense[:, None], ROWS, axis=1), rng)
        rows = np.stack([fold(vector, own, ALPHA) for vector, own in zip(dense, scenarios, strict=True)])
        sparse = [self._weights(rng, _NONZERO) for _ in range(count)] if self._terms else []
        return Batch(start, dense, rows, sparse)

    def _weights(self, rng: np.random.Generator, nonzero: int) -> SparseVector:
        terms = np.unique(np.searchsorted(self._chance, rng.random(nonzero))).astype(np.uint32)
        return SparseVector(terms, rng.random(len(terms), dtype=np.float32) + np.float32(0.1))


def _near(vectors: FloatArray, rng: np.random.Generator) -> FloatArray:
    return _unit(vectors + _NEAR * _directions(rng, vectors.shape))


def _directions(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    return _unit(rng.standard_normal(shape, dtype=np.float32))


def _unit(vectors: FloatArray) -> FloatArray:
    found: FloatArray = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return found
