"""Changes to a collection of a server that an app uses: vectors, bookkeeping and indexes, added and removed.

Nothing here writes a payload key or a vector that it was not told to, and no point is made or replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from qdrant_client import QdrantClient, models

from ...errors import AuguryError, StoreError, StoreTimeout, StoreUnavailable
from ...schemas.attach import VectorFacts
from ...schemas.collection import CollectionSpec, IndexKind, SparseSpec, VectorSpec
from ...schemas.points import Point, PointId
from .check import canonical_id, check_points
from .server_storage import sparse_params, vector_params
from .server_wire import read_spec, to_index_params, to_point

_DELETED = 1000
"""Points whose bookkeeping is removed in one request."""
_COPIED = 128
"""Points that are compared and copied at once."""


class LiveCollection:
    """``store.live``: of a ``ServerStore``.

    Args:
        server: gives the client, with its errors translated.
        collection: its name or an alias.
    """

    def __init__(self, server: Callable[[], AbstractContextManager[QdrantClient]], collection: str) -> None:
        self._server = server
        self._collection = collection
        self._spec: CollectionSpec | None = None

    def vectors(self) -> list[VectorFacts]:
        """Every vector of the collection, also of kinds that Augury has no use for."""
        params = self._info().config.params
        dense = params.vectors if isinstance(params.vectors, Mapping) else {"": params.vectors}
        found = [
            VectorFacts(
                name=name,
                kind="multi" if given.multivector_config else "dense",
                size=given.size,
                distance=given.distance.value.lower(),
            )
            for name, given in dense.items()
            if given is not None
        ]
        return found + [VectorFacts(name=name, kind="sparse") for name in params.sparse_vectors or {}]

    def add(self, spec: CollectionSpec) -> None:
        """Add the vectors and payload indexes of ``spec`` that are not there (servers from 1.18 on)."""
        there = {vector.name for vector in self.vectors()}
        with self._server() as client:
            for name, vector in spec.vectors.items():
                if name not in there:
                    client.create_vector_name(self._collection, name, _dense_config(vector), wait=True)
                    if not vector.hnsw or vector.on_disk:
                        client.update_collection(self._collection, vectors_config={name: _diff(vector)})
            for name, sparse in spec.sparse.items():
                if name not in there:
                    client.create_vector_name(self._collection, name, _sparse_config(sparse), wait=True)
        self.add_indexes(spec.indexes)
        self._spec = None

    def add_indexes(self, indexes: Mapping[str, IndexKind]) -> None:
        """Add payload indexes."""
        there = self._info().payload_schema or {}
        with self._server() as client:
            for field, kind in indexes.items():
                if field not in there:
                    client.create_payload_index(self._collection, field, to_index_params(kind), wait=True)

    def drop(self, vectors: Sequence[str], indexes: Sequence[str]) -> None:
        """Take vectors and payload indexes away; what is not there does not matter."""
        there = {vector.name for vector in self.vectors()}
        indexed = self._info().payload_schema or {}
        with self._server() as client:
            for name in vectors:
                if name in there:
                    client.delete_vector_name(self._collection, name, wait=True)
            for field in indexes:
                if field in indexed:
                    client.delete_payload_index(self._collection, field, wait=True)
        self._spec = None

    def merge(self, points: Sequence[Point], own: str) -> None:
        """Give points that are there these vectors, and these payload keys besides those they have.

        A point that the app has deleted meanwhile is left out. ``own``, the key of the bookkeeping, is taken
        away first and comes last, so that a point which was written by half carries no fingerprint.

        Raises ``PointRejected`` before anything is sent.
        """
        if self._spec is None:
            self._spec = read_spec(self._info())
        check_points(points, self._spec)
        while points:
            try:
                with self._server() as client:
                    client.batch_update_points(self._collection, _operations(points, own), wait=True)
                return
            except (StoreTimeout, StoreUnavailable):
                raise
            except AuguryError:
                there = self._there([point.id for point in points])
                if len(there) == len(points):
                    raise
                points = [point for point in points if point.id in there]

    def forget(self, key: str) -> int:
        """Remove a payload key from every point. Returns how many points had it."""
        had = 0
        offset: Any = None
        while True:
            with self._server() as client:
                found, offset = client.scroll(
                    self._collection, limit=_DELETED, offset=offset, with_payload=[key], with_vectors=False
                )
            having = [record.id for record in found if key in (record.payload or {})]
            while having:
                try:
                    with self._server() as client:
                        client.delete_payload(self._collection, [key], having, wait=True)
                    had += len(having)
                    break
                except (StoreTimeout, StoreUnavailable):
                    raise
                except StoreError:
                    there = self._there([record for record in having if isinstance(record, int | str)])
                    if len(there) == len(having):
                        raise
                    having = [each for each in having if each in there]
            if offset is None:
                return had

    def alias_of(self) -> str | None:
        """The collection that the name leads to where it is an alias; None where it is no alias."""
        with self._server() as client:
            aliases = client.get_aliases().aliases
        return next((each.collection_name for each in aliases if each.alias_name == self._collection), None)

    def move_alias(self, alias: str, collection: str) -> None:
        """Have the alias lead to a collection, in one step; it is made where it is not there."""
        made = models.CreateAlias(collection_name=collection, alias_name=alias)
        operations: list[Any] = [models.CreateAliasOperation(create_alias=made)]
        with self._server() as client:
            if any(each.alias_name == alias for each in client.get_aliases().aliases):
                gone = models.DeleteAlias(alias_name=alias)
                operations.insert(0, models.DeleteAliasOperation(delete_alias=gone))
            client.update_collection_aliases(operations)

    def make_like(self, other: LiveCollection, spec: CollectionSpec) -> None:
        """Make this collection with the vectors and payload indexes of another one, and those of ``spec``."""
        info = other._info()
        params = info.config.params
        theirs = params.vectors if isinstance(params.vectors, Mapping) else {"": params.vectors}
        vectors = {name: vector_params(vector, spec) for name, vector in spec.vectors.items()}
        sparse = {name: sparse_params(vector, spec.storage) for name, vector in spec.sparse.items()}
        with self._server() as client:
            client.create_collection(
                self._collection,
                vectors_config={**vectors, **{name: each for name, each in theirs.items() if each}},
                sparse_vectors_config={**sparse, **(params.sparse_vectors or {})},
                shard_number=params.shard_number,
                replication_factor=params.replication_factor,
                write_consistency_factor=params.write_consistency_factor,
                on_disk_payload=params.on_disk_payload,
            )
            for field, index in (info.payload_schema or {}).items():
                client.create_payload_index(
                    self._collection, field, index.params or index.data_type, wait=True
                )
        self.add_indexes(spec.indexes)

    def copy_to(self, other: LiveCollection, own: str, vectors: Sequence[str], *, missing_only: bool) -> int:
        """Make ``other`` hold this collection's points. Returns how many points had to be written.

        The key ``own`` and the named vectors are left out on both sides; a point that has changed loses them.

        Args:
            missing_only: write only points that ``other`` does not have, and delete none.
        """
        written = 0
        seen: set[Any] = set()
        for found in self._batches():
            ids = [record.id for record in found]
            seen.update(ids)
            with other._server() as client:
                there = client.retrieve(other._collection, ids, with_payload=True, with_vectors=True)
            known = {record.id: _theirs(record, own, vectors) for record in there}
            todo = [
                models.PointStruct(id=record.id, vector=mine[1], payload=mine[0])
                for record in found
                if (mine := _theirs(record, own, vectors)) != known.get(record.id)
                and not (missing_only and record.id in known)
            ]
            if todo:
                with other._server() as client:
                    client.upsert(other._collection, todo, wait=True)
                written += len(todo)
        return written if missing_only else written + other._keep_only(seen)

    def _keep_only(self, ids: set[Any]) -> int:
        gone = [record.id for found in self._batches(bare=True) for record in found if record.id not in ids]
        for start in range(0, len(gone), _DELETED):
            with self._server() as client:
                client.delete(self._collection, gone[start : start + _DELETED], wait=True)
        return len(gone)

    def _batches(self, *, bare: bool = False) -> Iterator[list[models.Record]]:
        offset: Any = None
        while True:
            with self._server() as client:
                found, offset = client.scroll(
                    self._collection,
                    limit=_DELETED if bare else _COPIED,
                    offset=offset,
                    with_payload=not bare,
                    with_vectors=not bare,
                )
            yield found
            if offset is None:
                return

    def drop_collection(self) -> None:
        """Delete the whole collection."""
        with self._server() as client:
            client.delete_collection(self._collection)

    def note(self, key: str) -> Any:
        """What the collection's metadata holds under a key, or None."""
        return (self._info().config.metadata or {}).get(key)

    def set_note(self, key: str, value: Any) -> None:
        """Keep a JSON value under a key of the collection's metadata; None removes the key."""
        with self._server() as client:
            client.update_collection(self._collection, metadata={key: value})

    def _info(self) -> models.CollectionInfo:
        with self._server() as client:
            return client.get_collection(self._collection)

    def _there(self, ids: Sequence[PointId]) -> set[PointId]:
        with self._server() as client:
            found = client.retrieve(self._collection, list(ids), with_payload=False, with_vectors=False)
        return {canonical_id(record.id) for record in found}


def _theirs(record: models.Record, own: str, vectors: Sequence[str]) -> tuple[dict[str, Any], Any]:
    """The app's part of a point: payload and vectors."""
    payload = {key: value for key, value in (record.payload or {}).items() if key != own}
    held = record.vector if isinstance(record.vector, Mapping) else {"": record.vector}
    return payload, {name: each for name, each in held.items() if name not in vectors and each is not None}


def _operations(points: Sequence[Point], own: str) -> list[Any]:
    ids: list[Any] = [point.id for point in points]
    vectors = [
        models.PointVectors(id=made.id, vector=made.vector) for made in map(to_point, points) if made.vector
    ]
    operations: list[Any] = [
        models.DeletePayloadOperation(delete_payload=models.DeletePayload(keys=[own], points=ids))
    ]
    if vectors:
        operations.append(models.UpdateVectorsOperation(update_vectors=models.UpdateVectors(points=vectors)))
    operations += [
        models.SetPayloadOperation(set_payload=models.SetPayload(payload=point.payload, points=[point.id]))
        for point in points
    ]
    return operations


def _dense_config(spec: VectorSpec) -> models.DenseVectorNameConfig:
    params = vector_params(spec)
    return models.DenseVectorNameConfig(
        dense=models.DenseVectorConfig(
            size=params.size, distance=params.distance, multivector_config=params.multivector_config
        )
    )


def _sparse_config(spec: SparseSpec) -> models.SparseVectorNameConfig:
    modifier = sparse_params(spec).modifier
    return models.SparseVectorNameConfig(sparse=models.SparseVectorConfig(modifier=modifier))


def _diff(spec: VectorSpec) -> models.VectorParamsDiff:
    params = vector_params(spec)
    return models.VectorParamsDiff(hnsw_config=params.hnsw_config, on_disk=params.on_disk)
