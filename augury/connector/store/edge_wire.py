"""Augury's types to and from those of the embedded engine.

Arrays are handed over as lists: the binding takes numpy arrays too, but reads them three times slower.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import numpy as np
import qdrant_edge as edge

from ...schemas.collection import CollectionSpec, Distance, IndexKind, SparseSpec, VectorSpec
from ...schemas.points import (
    Filter,
    Fusion,
    Nearest,
    Point,
    PointId,
    Prefetch,
    Record,
    ScoredPoint,
    SearchRequest,
    SparseVector,
    Vector,
    Vectors,
)
from ...schemas.storage import StorageProfile
from .arrays import to_array
from .check import canonical_id
from .sentinels import decode, encode

_DISTANCES: dict[Distance, edge.Distance] = {
    "cosine": edge.Distance.Cosine,
    "dot": edge.Distance.Dot,
    "euclid": edge.Distance.Euclid,
}
_INDEXES: dict[IndexKind, Any] = {
    "keyword": edge.KeywordIndexParams,
    "integer": edge.IntegerIndexParams,
    "float": edge.FloatIndexParams,
    "bool": edge.KeywordIndexParams,  # booleans are stored as keywords
    "datetime": edge.DatetimeIndexParams,
    "geo": edge.GeoIndexParams,
    "uuid": edge.UuidIndexParams,
}
SEGMENT_BYTES = 32 * 2**20
"""How much is written between two flushes, and how large a segment grows: small, so that tidying one needs
little memory, and several are read in parallel."""
_CODED_BYTES = 10 * 2**20
"""From how much on a segment's multivectors get codes; below, comparing whole rows takes no time."""
_OVERSAMPLING = 3.0
"""How many times the points wanted are scored again by their whole rows: with 2 and the int8 codes below no
point of 40 exact top tens was missed (benchmarks/bench_layouts.py)."""
_ROUGH_FIRST = edge.SearchParams(
    exact=False, quantization=edge.QuantizationSearchParams(rescore=True, oversampling=_OVERSAMPLING)
)
_UNIT_WITHIN = 0.01  # of a query's length
_EXACT = edge.SearchParams(exact=True)
_CODES = edge.ScalarQuantizationConfig(edge.ScalarType.Int8, quantile=0.99, memory=edge.Memory.Cold)
_NO_GRAPH = edge.HnswIndexConfig(m=0, ef_construct=100, full_scan_threshold=10_000)


def to_config(spec: CollectionSpec) -> edge.EdgeConfig:
    """The shard configuration: everything memory-mapped and read on demand, no HNSW graphs.

    Multivectors also get int8 codes in the compact segments that are large enough to gain by it.
    """
    cold = edge.Memory.Cold
    return edge.EdgeConfig(
        vectors={
            name: edge.EdgeVectorParams(
                vector.size,
                _DISTANCES[vector.distance],
                multivector_config=edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim)
                if vector.multi
                else None,
                hnsw_config=_NO_GRAPH,
                quantization_config=_CODES if vector.multi else None,
                memory=cold,
            )
            for name, vector in spec.vectors.items()
        },
        sparse_vectors={
            name: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf if sparse.idf else None, memory=cold)
            for name, sparse in spec.sparse.items()
        },
        hnsw_config=_NO_GRAPH,
        payload_memory=cold,
        id_tracker_memory=cold,
        optimizers=edge.EdgeOptimizersConfig(
            max_segment_size=SEGMENT_BYTES // 1024, indexing_threshold=_CODED_BYTES // 1024
        ),
    )


def of_no_use(storage: StorageProfile) -> tuple[str, ...]:
    """A sentence on the choices that mean nothing to an engine which maps its files on one machine."""
    usual = StorageProfile().made_with
    chosen = [f"{name} {value}" for name, value in storage.made_with.items() if value != usual[name]]
    if not chosen:
        return ()
    what = "The embedded engine reads whole vectors from files on this machine"
    return (f"{what}, and has no use for {', '.join(chosen)}.",)


def to_index(field: str, kind: IndexKind, *, tenant: bool = False) -> edge.UpdateOperation:
    """The operation that adds a payload index."""
    if tenant:
        params: Any = edge.KeywordIndexParams(is_tenant=True, memory=edge.Memory.Cold)
    elif kind == "text":
        params = edge.TextIndexParams(phrase_matching=True, memory=edge.Memory.Cold)
    else:
        params = _INDEXES[kind](memory=edge.Memory.Cold)
    return edge.UpdateOperation.create_field_index(field, params)


def stored_kind(kind: IndexKind) -> IndexKind:
    """The kind of index that the engine has for it."""
    return "keyword" if kind == "bool" else kind


def read_spec(shard: Path, schema: Mapping[str, edge.PayloadIndexInfo]) -> CollectionSpec:
    """What a shard on disk holds, from the engine's own configuration file and its payload indexes."""
    config = json.loads((shard / "edge_config.json").read_text(encoding="utf-8"))
    vectors = {
        name: VectorSpec(
            size=given["size"],
            distance=given["distance"].lower(),
            multi=given.get("multivector_config") is not None,
            hnsw=False,
            on_disk=True,
        )
        for name, given in sorted((config.get("vectors") or {}).items())
    }
    sparse = {
        name: SparseSpec(idf=given.get("modifier") == "idf")
        for name, given in sorted((config.get("sparse_vectors") or {}).items())
    }
    indexes = {field: _kind(info.data_type) for field, info in sorted(schema.items())}
    return CollectionSpec(vectors=vectors, sparse=sparse, indexes=indexes)


def _kind(data_type: edge.PayloadSchemaType) -> IndexKind:
    return cast(IndexKind, str(data_type).rpartition(".")[2].lower())


def to_point(point: Point) -> edge.Point:
    """A point as the engine takes it."""
    vectors = {name: _vector_out(vector) for name, vector in point.vectors.items()}
    return edge.Point(canonical_id(point.id), cast(Any, vectors), encode(point.payload))


def to_query(request: SearchRequest, filters: FilterOut) -> edge.QueryRequest:
    """A search as the engine takes it. What a prefetch found is always scored by whole vectors."""
    return edge.QueryRequest(
        limit=request.limit,
        query=_scoring(request.query),
        prefetches=[_prefetch(inner, request.exact, filters) for inner in request.prefetch],
        with_vector=list(request.vectors) or False,
        with_payload=payload_keys(request.payload),
        filter=filters(request.filter),
        params=_params(request, request.exact),
    )


def payload_keys(payload: bool | tuple[str, ...]) -> bool | list[str]:
    """``True``, ``False`` or the keys, as the engine takes them."""
    return payload if isinstance(payload, bool) else list(payload)


def from_scored(found: edge.ScoredPoint) -> ScoredPoint:
    """A search result."""
    return ScoredPoint(
        id=id_in(found.id),
        payload=decode(found.payload or {}),
        vectors=_vectors_in(found.vector),
        score=found.score,
    )


def from_record(found: edge.Record) -> Record:
    """A stored point."""
    return Record(id=id_in(found.id), payload=decode(found.payload or {}), vectors=_vectors_in(found.vector))


def _scoring(query: Nearest | Fusion) -> Any:
    if isinstance(query, Nearest):
        return edge.Query.Nearest(_vector_out(query.vector), using=query.using)
    if query.kind == "dbsf":
        return edge.Fusion.Dbsf()
    # The engine scores 1 / (position / weight + k - 1), positions from 1: one more k is Cormack's formula.
    return edge.Fusion.Rrf(k=query.k + 1, weights=list(query.weights) if query.weights else None)


def _prefetch(stage: Prefetch, exact: bool, filters: FilterOut) -> edge.Prefetch:
    return edge.Prefetch(
        limit=stage.limit,
        query=_scoring(stage.query),
        prefetches=[_prefetch(inner, exact, filters) for inner in stage.prefetch],
        params=_params(stage, exact),
        filter=filters(stage.filter),
    )


def _params(stage: SearchRequest | Prefetch, exact: bool) -> edge.SearchParams:
    """Codes are no use for a query that is no unit vector: its numbers are cut to the range of the rows'."""
    if exact or stage.prefetch or not isinstance(stage.query, Nearest):
        return _EXACT
    vector = stage.query.vector
    unit = isinstance(vector, SparseVector) or np.allclose(
        np.linalg.norm(vector, axis=-1), 1, atol=_UNIT_WITHIN
    )
    return _ROUGH_FIRST if unit else _EXACT


def _vector_out(vector: Vector) -> Any:
    if isinstance(vector, SparseVector):
        return edge.SparseVector(np.asarray(vector.indices).tolist(), np.asarray(vector.values).tolist())
    return vector.tolist()


def _vectors_in(found: Any) -> Vectors:
    return {name: _vector_in(vector) for name, vector in (found or {}).items()}


def _vector_in(found: Any) -> Vector:
    if isinstance(found, edge.SparseVector):
        return SparseVector(
            np.asarray(found.indices, dtype=np.uint32), np.asarray(found.values, dtype=np.float32)
        )
    return to_array(found)


def id_in(found: int | UUID | str) -> PointId:
    """An id."""
    return found if isinstance(found, int) else str(found)


FilterOut = Callable[[Filter | None], edge.Filter | None]
"""How a filter is translated; passed in so that searches without one never import the client."""
