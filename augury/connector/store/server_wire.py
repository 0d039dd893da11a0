"""Augury's types to and from those of qdrant-client."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from qdrant_client import models

from ...schemas.collection import CollectionSpec, Distance, IndexKind, SparseSpec, VectorSpec
from ...schemas.points import (
    Filter,
    Fusion,
    Nearest,
    Page,
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
from .arrays import to_array
from .check import canonical_id
from .filters import parse_filter

METADATA_KEY = "augury"
DISTANCES: dict[Distance, models.Distance] = {
    "cosine": models.Distance.COSINE,
    "dot": models.Distance.DOT,
    "euclid": models.Distance.EUCLID,
}
_SPELLED: dict[str, Distance] = {distance.value: name for name, distance in DISTANCES.items()}
_ON_DISK_INDEXES: dict[str, Any] = {
    "keyword": models.KeywordIndexParams,
    "integer": models.IntegerIndexParams,
    "float": models.FloatIndexParams,
    "bool": models.BoolIndexParams,
    "datetime": models.DatetimeIndexParams,
    "geo": models.GeoIndexParams,
    "uuid": models.UuidIndexParams,
}


def place_of(options: Mapping[str, Any]) -> tuple[str, bool]:
    """From a client's ``init_options``: its host for messages, and whether it is local mode, without one."""
    if options.get("location") == ":memory:" or options.get("path") is not None:
        return "this process", True
    parts = urlsplit(
        str(options.get("url") or options.get("location") or f"//{options.get('host') or 'localhost'}")
    )
    port = parts.port or options.get("port")
    return (f"{parts.hostname or parts.path}:{port}" if port else str(parts.hostname)), False


def quiet(local: bool) -> AbstractContextManager[object]:
    """Local mode warns of parameters and payload indexes that have no effect there, which is known."""
    return warnings.catch_warnings(action="ignore", category=UserWarning) if local else nullcontext()


def to_index_params(kind: IndexKind, *, tenant: bool = False, on_disk: bool = False) -> Any:
    """The payload index as a server creates it."""
    if tenant:
        return models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
    if kind == "text":
        return models.TextIndexParams(
            type=models.TextIndexType.TEXT, phrase_matching=True, on_disk=on_disk or None
        )
    if on_disk:
        return _ON_DISK_INDEXES[kind](type=kind, on_disk=True)
    return models.PayloadSchemaType(kind)


def searches(queries: Sequence[object]) -> str:
    """``searches(queries)`` is ``"16 searches"``."""
    return f"{len(queries)} search{'es' if len(queries) != 1 else ''}"


def read_spec(info: models.CollectionInfo) -> CollectionSpec:
    """What a collection holds. Parts that Augury has no use for are left out."""
    params = info.config.params
    dense = params.vectors if isinstance(params.vectors, Mapping) else {"": params.vectors}
    return CollectionSpec(
        vectors={
            name: VectorSpec(
                size=given.size,
                distance=_SPELLED[given.distance.value],
                multi=given.multivector_config is not None,
                hnsw=given.hnsw_config is None or given.hnsw_config.m != 0,
                on_disk=bool(given.on_disk),
            )
            for name, given in dense.items()
            if given is not None and given.distance.value in _SPELLED
        },
        sparse={
            name: SparseSpec(idf=given.modifier == models.Modifier.IDF)
            for name, given in (params.sparse_vectors or {}).items()
        },
        indexes={field: index.data_type.value for field, index in (info.payload_schema or {}).items()},
    )


def read_metadata(info: models.CollectionInfo) -> dict[str, Any] | None:
    """The JSON object that Augury stored with a collection, or None."""
    stored = (info.config.metadata or {}).get(METADATA_KEY)
    return stored if isinstance(stored, dict) else None


def to_filter(filter: Filter | None) -> models.Filter | None:
    """A filter, or None for one without conditions."""
    return parse_filter(filter) if filter else None


def to_point(point: Point) -> models.PointStruct:
    """A point as the client takes it."""
    vectors = {name: _vector_out(vector) for name, vector in point.vectors.items()}
    return models.PointStruct(id=canonical_id(point.id), vector=vectors, payload=point.payload)


def to_query(request: SearchRequest, spec: CollectionSpec) -> models.QueryRequest:
    """A search as the client takes it; local mode wants the query of a multivector as a list of rows."""
    params = models.SearchParams(exact=request.exact, quantization=_rescoring(request.oversampling))
    return models.QueryRequest(
        limit=request.limit,
        prefetch=[_prefetch(inner, params, spec) for inner in request.prefetch] or None,
        filter=to_filter(request.filter),
        params=params,
        with_payload=payload_keys(request.payload),
        with_vector=vector_names(request.vectors),
        **_scoring(request.query, spec),
    )


def payload_keys(payload: bool | tuple[str, ...]) -> bool | list[str]:
    """``True``, ``False`` or the keys, as the client takes them."""
    return payload if isinstance(payload, bool) else list(payload)


def vector_names(names: Sequence[str]) -> bool | list[str]:
    """The names as the client takes them; a collection's one unnamed vector comes when all are asked for."""
    return True if "" in names else list(names) or False


def from_scored(found: models.ScoredPoint) -> ScoredPoint:
    """A search result; the score in single precision, as the engine computes it."""
    return ScoredPoint(
        id=canonical_id(found.id),
        payload=found.payload or {},
        vectors=_vectors_in(found.vector),
        score=float(np.float32(found.score)),
    )


def from_record(found: models.Record) -> Record:
    """A stored point."""
    return Record(id=canonical_id(found.id), payload=found.payload or {}, vectors=_vectors_in(found.vector))


def to_page(
    filter: Filter | None,
    *,
    payload: bool | tuple[str, ...],
    vectors: tuple[str, ...],
    batch: int,
    start: PointId | None,
) -> dict[str, Any]:
    """What a scroll is asked for."""
    return {
        "scroll_filter": to_filter(filter),
        "limit": batch,
        "offset": start,
        "with_payload": payload_keys(payload),
        "with_vectors": vector_names(vectors),
    }


def from_page(found: tuple[Sequence[models.Record], Any]) -> Page:
    """What a scroll gave."""
    records, following = found
    return Page(
        [from_record(record) for record in records], None if following is None else canonical_id(following)
    )


def _rescoring(oversampling: float | None) -> models.QuantizationSearchParams | None:
    if oversampling is None:
        return None
    if oversampling == 0:
        return models.QuantizationSearchParams(rescore=False)
    return models.QuantizationSearchParams(rescore=True, oversampling=oversampling)


def _scoring(query: Nearest | Fusion, spec: CollectionSpec) -> dict[str, Any]:
    if isinstance(query, Nearest):
        vector = _vector_out(query.vector)
        if (
            isinstance(query.vector, np.ndarray)
            and query.vector.ndim == 1
            and spec.vectors[query.using].multi
        ):
            vector = [vector]
        return {"query": vector, "using": query.using or None}
    if query.kind == "dbsf":
        return {"query": models.FusionQuery(fusion=models.Fusion.DBSF)}
    # Qdrant scores 1 / (position / weight + k - 1) with positions from 1: one more k is Cormack's formula.
    weights = list(query.weights) if query.weights else None
    return {"query": models.RrfQuery(rrf=models.Rrf(k=query.k + 1, weights=weights))}


def _prefetch(stage: Prefetch, params: models.SearchParams, spec: CollectionSpec) -> models.Prefetch:
    return models.Prefetch(
        limit=stage.limit,
        prefetch=[_prefetch(inner, params, spec) for inner in stage.prefetch] or None,
        filter=to_filter(stage.filter),
        params=params,
        **_scoring(stage.query, spec),
    )


def _vector_out(vector: Vector) -> Any:
    if isinstance(vector, SparseVector):
        return models.SparseVector(
            indices=np.asarray(vector.indices).tolist(), values=np.asarray(vector.values).tolist()
        )
    return vector.tolist()


def _vectors_in(found: Any) -> Vectors:
    if not found:
        return {}
    named = found if isinstance(found, Mapping) else {"": found}
    return {name: _vector_in(vector) for name, vector in named.items()}


def _vector_in(found: Any) -> Vector:
    if isinstance(found, models.SparseVector):
        return SparseVector(
            np.asarray(found.indices, dtype=np.uint32), np.asarray(found.values, dtype=np.float32)
        )
    return to_array(found)
