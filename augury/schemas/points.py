"""Points, vectors and search requests in engine-neutral types.

Both stores speak these; neither leaks its own classes. Frozen dataclasses rather than pydantic models,
because every vector of every passage passes through them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.uint32]
PointId = str | int
Payload = dict[str, Any]
Filter = dict[str, Any]
"""A filter in Qdrant's JSON form: ``{"must": [{"key": "metadata.year", "range": {"gte": 2020}}]}``."""


@dataclass(frozen=True, slots=True, eq=False)
class SparseVector:
    """``SparseVector(indices, values)``: term ids and their weights, same length, ids unique."""

    indices: IntArray  # (nonzero,)
    values: FloatArray  # (nonzero,)

    def dot(self, other: SparseVector) -> float:
        """The inner product with another sparse vector."""
        _, mine, theirs = np.intersect1d(self.indices, other.indices, assume_unique=True, return_indices=True)
        return float(self.values[mine] @ other.values[theirs])


Vector = FloatArray | SparseVector
"""``(dim,)`` dense, ``(rows, dim)`` multivector, or sparse."""
Vectors = Mapping[str, Vector]


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """What is written: an id, named vectors and a payload."""

    id: PointId
    vectors: Vectors
    payload: Payload


@dataclass(slots=True, eq=False)  # not frozen: a search makes hundreds, and freezing triples what each costs
class Record:
    """What is read back; parts that were not asked for are empty."""

    id: PointId
    payload: Payload = field(default_factory=dict)
    vectors: Vectors = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class ScoredPoint(Record):
    """A record that a search found, with its score (higher is better)."""

    score: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """Rank by similarity to ``vector`` under the named vector ``using``."""

    vector: Vector
    using: str


@dataclass(frozen=True, slots=True)
class Fusion:
    """Fuse the prefetched lists inside the engine.

    ``rrf``: sum of 1 / (k + rank / weight), rank from 1 (Cormack et al. 2009, with Qdrant's weights);
    ``dbsf``: distribution-based score fusion, each list scaled by its mean and three standard deviations.
    """

    kind: Literal["rrf", "dbsf"]
    k: int = 60
    weights: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Prefetch:
    """A list of candidates that the stage above it re-scores or fuses."""

    limit: int
    query: Nearest | Fusion
    prefetch: tuple[Prefetch, ...] = ()
    filter: Filter | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SearchRequest:
    """One engine request. ``payload``: True, False or the keys to return; ``vectors``: names to return.

    ``exact`` compares every vector. ``oversampling``: of quantized vectors, so many times the limit are
    scored again by the whole ones; 0 for none, None for what the engine does by itself.
    """

    limit: int
    query: Nearest | Fusion
    prefetch: tuple[Prefetch, ...] = ()
    filter: Filter | None = None
    payload: bool | tuple[str, ...] = True
    vectors: tuple[str, ...] = ()
    exact: bool = True
    oversampling: float | None = None


class Page(NamedTuple):
    """Some of the points of a collection, by id, and the id that the next page starts from."""

    records: list[Record]
    next: PointId | None = None


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What a store says of itself."""

    engine: str
    version: str
    points: int
    vectors: tuple[str, ...]
    indexes: Mapping[str, str]
