"""What is checked before an engine is called, the same for every store.

The embedded engine accepts NaN and repeated sparse indices in silence, and a multivector of the wrong shape
makes it panic *after* the operation is in its journal, so that the index never opens again. Everything it
would not survive is refused here, with the ids of all offending points, before anything is written.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import numpy as np

from ...errors import PointRejected, QueryError, StoreError
from ...schemas.collection import CollectionSpec, VectorSpec
from ...schemas.points import (
    Fusion,
    Nearest,
    Point,
    PointId,
    Prefetch,
    SearchRequest,
    SparseVector,
    Vector,
)

MAX_MULTIVECTOR_FLOATS = 1_048_576
"""Qdrant's own limit for one multivector."""
_MAX_ID = 2**64
_MIN_INT, _MAX_INT = -(2**63), 2**63  # what a payload integer holds on every way to a server
_REASONS_SHOWN = 3


def canonical_id(value: object) -> PointId:
    """The id as an engine returns it: an int, or a UUID in its usual spelling.

    Raises ``ValueError`` for anything else.
    """
    if isinstance(value, bool):
        raise ValueError("is a boolean; ids are UUID strings or whole numbers from 0")
    if isinstance(value, int):
        if 0 <= value < _MAX_ID:
            return value
        raise ValueError("is out of range; whole-number ids go from 0 to 2**64 - 1")
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, str):
        try:
            return str(UUID(value))
        except ValueError:
            raise ValueError("is neither a UUID nor a whole number") from None
    raise ValueError(f"is a {type(value).__name__}; ids are UUID strings or whole numbers from 0")


def known_ids(ids: Iterable[object]) -> list[PointId]:
    """The ids in canonical form, each once, without those that no point can have."""
    known: dict[PointId, None] = {}
    for point_id in ids:
        with suppress(ValueError):
            known[canonical_id(point_id)] = None
    return list(known)


def check_points(points: Sequence[Point], spec: CollectionSpec) -> None:
    """Raise ``PointRejected`` with the ids of every point that no engine should be given."""
    bad: list[tuple[PointId, str]] = []
    for point in points:
        reason = _point_fault(point, spec)
        if reason:
            bad.append((point.id, reason))
    if not bad:
        return
    shown = "; ".join(f"{point_id!r}: {reason}" for point_id, reason in bad[:_REASONS_SHOWN])
    more = f"; and {len(bad) - _REASONS_SHOWN} more" if len(bad) > _REASONS_SHOWN else ""
    raise PointRejected(
        f"{len(bad)} of {len(points)} points cannot be stored ({shown}{more})",
        "Nothing of this batch was written; correct or leave out these points and write it again",
        ids=[point_id for point_id, _ in bad],
    )


def check_request(request: SearchRequest, spec: CollectionSpec) -> None:
    """Raise ``QueryError`` for a search that names unknown vectors or carries an unusable one."""
    check_names(request.vectors, spec)
    _check_stage(request, spec)


def check_names(names: Iterable[str], spec: CollectionSpec) -> None:
    """Raise ``QueryError`` if a vector name is not one of the collection's."""
    known = [*spec.vectors, *spec.sparse]
    for name in names:
        if name not in known:
            raise QueryError(f"The index has no vector named {name!r}", f"Use one of: {', '.join(known)}")


def check_same(wanted: CollectionSpec, found: CollectionSpec, where: str) -> None:
    """Raise ``StoreError`` naming every vector of ``wanted`` that ``found`` lacks or has differently."""
    faults: list[str] = []
    for name, vector in wanted.vectors.items():
        there = found.vectors.get(name)
        if there is None or _identity(there) != _identity(vector):
            faults.append(f"{name!r} is {_spelled(there)}, not {_spelled(vector)}")
    for name, sparse in wanted.sparse.items():
        there_sparse = found.sparse.get(name)
        if there_sparse is None:
            faults.append(f"{name!r} is missing, not sparse")
        elif there_sparse.idf != sparse.idf:
            faults.append(f"{name!r} {'has' if there_sparse.idf else 'lacks'} the idf modifier")
    for field, kind in wanted.indexes.items():
        there_kind = found.indexes.get(field, kind)
        if there_kind != kind:
            faults.append(f"the index on {field!r} is {there_kind}, not {kind}")
    if faults:
        raise StoreError(
            f"{where} was made with another layout: {'; '.join(faults)}",
            "Open it with the models it was made with, or ingest into a new index beside it",
        )


def _identity(spec: VectorSpec) -> tuple[int, str, bool]:
    return spec.size, spec.distance, spec.multi


def _spelled(spec: VectorSpec | None) -> str:
    if spec is None:
        return "missing"
    return f"{spec.size} numbers, {spec.distance}{', multivector' if spec.multi else ''}"


def _point_fault(point: Point, spec: CollectionSpec) -> str:
    try:
        canonical_id(point.id)
    except ValueError as error:
        return f"the id {error}"
    for name, vector in point.vectors.items():
        fault = _vector_fault(vector, name, spec, stored=True)
        if fault:
            return fault
    if not isinstance(point.payload, dict):
        return f"the payload is a {type(point.payload).__name__}, not a dict"
    return _payload_fault(point.payload, "payload")


def _vector_fault(vector: Vector, name: str, spec: CollectionSpec, *, stored: bool) -> str:
    if name in spec.sparse:
        return _sparse_fault(vector, name)
    dense = spec.vectors.get(name)
    if dense is None:
        return f"the index has no vector named {name!r}"
    if not isinstance(vector, np.ndarray) or vector.dtype.kind not in "fiu":
        return f"{name!r} is not an array of numbers"
    if dense.multi and vector.ndim == 1 and not stored:
        vector = vector[np.newaxis]
    if vector.ndim != (2 if dense.multi else 1):
        return f"{name!r} has {vector.ndim} axes, not {2 if dense.multi else 1}"
    if dense.multi and len(vector) == 0:
        return f"{name!r} has no rows"
    if vector.shape[-1] != dense.size:
        return f"{name!r} has {vector.shape[-1]} numbers, not {dense.size}"
    if vector.size > MAX_MULTIVECTOR_FLOATS and dense.multi:
        return f"{name!r} has {vector.size} numbers in all, more than {MAX_MULTIVECTOR_FLOATS}"
    if not _fits_float32(vector):
        return f"{name!r} holds NaN or infinities"
    return ""


def _sparse_fault(vector: Vector, name: str) -> str:
    if not isinstance(vector, SparseVector):
        return f"{name!r} is not a sparse vector"
    indices, values = np.asarray(vector.indices), np.asarray(vector.values)
    if indices.ndim != 1 or indices.shape != values.shape:
        return f"{name!r} has indices and values of different lengths"
    if indices.size == 0:
        return ""
    if indices.dtype.kind not in "iu" or indices.min() < 0 or indices.max() >= 2**32:
        return f"{name!r} has indices that are not whole numbers from 0 to 2**32 - 1"
    if np.unique(indices).size != indices.size:
        return f"{name!r} holds a sparse index twice"
    if not _fits_float32(values):
        return f"{name!r} holds NaN or infinities"
    return ""


def _fits_float32(array: np.ndarray[Any, Any]) -> bool:
    with np.errstate(over="ignore"):
        return bool(np.isfinite(array.astype(np.float32, copy=False)).all())


def _payload_fault(value: Any, where: str) -> str:
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, str):
        return "" if _encodable(value) else f"{where} holds a lone surrogate"
    if isinstance(value, int):
        return "" if _MIN_INT <= value < _MAX_INT else f"{where} is a whole number beyond 64 bits"
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"{where} is NaN or infinite"
    if isinstance(value, list | tuple):
        inner = ((item, f"{where}[{i}]") for i, item in enumerate(value))
    elif isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or not _encodable(key):
                return f"{where} has the key {key!r}, which is not text"
        inner = ((item, f"{where}.{key}") for key, item in value.items())
    else:
        return f"{where} is a {type(value).__name__}, which JSON cannot hold"
    return next(filter(None, (_payload_fault(item, spot) for item, spot in inner)), "")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_stage(stage: SearchRequest | Prefetch, spec: CollectionSpec) -> None:
    if stage.limit < 1:
        raise QueryError(f"A search asks for {stage.limit} points", "Ask for 1 or more")
    if isinstance(stage.query, Nearest):
        check_names((stage.query.using,), spec)
        fault = _vector_fault(stage.query.vector, stage.query.using, spec, stored=False)
        if fault:
            raise QueryError(
                f"The query vector cannot be used: {fault}", "Encode the query with the index's models"
            )
    else:
        _check_fusion(stage.query, len(stage.prefetch))
    for inner in stage.prefetch:
        _check_stage(inner, spec)


def _check_fusion(fusion: Fusion, lists: int) -> None:
    if lists == 0:
        raise QueryError("A fusion has no lists to fuse", "Give it one prefetch for each branch")
    if fusion.k < 0:
        raise QueryError(f"The k of a fusion is {fusion.k}", "Use 0 or more; 60 is customary")
    if fusion.weights is None:
        return
    if fusion.kind != "rrf":
        raise QueryError(f"{fusion.kind} fusion takes no weights", "Leave the weights out, or fuse with rrf")
    if len(fusion.weights) != lists:
        raise QueryError(
            f"A fusion of {lists} lists has {len(fusion.weights)} weights",
            "Give one weight for each prefetch",
        )
    if not all(math.isfinite(weight) and weight >= 0 for weight in fusion.weights):
        raise QueryError(f"The weights {fusion.weights} are not all 0 or more", "Use finite weights from 0")
