"""``ServerStore("http://localhost:6333", "papers")``: a collection of a Qdrant server, through qdrant-client.

A URL is asked over gRPC where that answers, and over REST elsewhere. Instead of one it takes a
``QdrantClient`` that the app already has (which it never closes), or ``":memory:"``, the client's own
in-process double: slow and linear, for tests and trials.

The metadata is kept under the key ``augury`` of the collection's metadata (servers from 1.16 on), so that
what other programs store there stays untouched.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from qdrant_client import AsyncQdrantClient, QdrantClient, models

from ...errors import (
    IndexNotFound,
    StoreError,
    StoreTimeout,
    StoreUnavailable,
    Unsupported,
    UsageError,
)
from ...schemas.collection import CollectionSpec
from ...schemas.connection import Connection
from ...schemas.points import (
    Filter,
    Page,
    Point,
    PointId,
    Record,
    ScoredPoint,
    SearchRequest,
    StoreInfo,
)
from . import ties
from .async_server import AsyncServerStore
from .base import Paged
from .check import (
    check_names,
    check_points,
    check_request,
    check_same,
    known_ids,
)
from .connect import connect
from .filters import parse_deletion
from .live import LiveCollection
from .server_errors import translated
from .server_storage import check_storage, to_creation
from .server_version import needed, require_version
from .server_wire import (
    METADATA_KEY,
    from_page,
    from_record,
    from_scored,
    payload_keys,
    place_of,
    quiet,
    read_metadata,
    read_spec,
    searches,
    to_filter,
    to_index_params,
    to_page,
    to_point,
    to_query,
    vector_names,
)
from .size import described

_MEMORY = ":memory:"


class ServerStore(Paged):
    """``ServerStore(client_or_url, collection, connection)``: one collection of one server.

    Args:
        client_or_url: ``http://host:6333``, a ``QdrantClient`` (left open by ``close``), or ``":memory:"``.
        collection: its name or an alias.
        connection: key, certificate and timeout, for a URL only; a client brings its own.

    Raises ``StoreUnavailable``, ``StoreTimeout``, ``PointRejected``, ``Unsupported`` and ``StoreError``.
    """

    def __init__(
        self,
        client_or_url: QdrantClient | str,
        collection: str,
        connection: Connection | None = None,
    ) -> None:
        self._name = self._collection = collection
        self._owned = isinstance(client_or_url, str)
        if not isinstance(client_or_url, str):
            self._client = client_or_url
        elif client_or_url == _MEMORY:
            self._client = QdrantClient(location=_MEMORY)
        else:
            self._client = connect(client_or_url, connection or Connection())
        host, self._local = place_of(self._client.init_options)
        self._where = f"collection {collection!r} at {host}"
        self._spec: CollectionSpec | None = None
        self._server_version: str | None = None
        self._closed = False
        # local mode is plain Python, and ingest reads and writes from two threads
        self._lock: AbstractContextManager[object] = threading.RLock() if self._local else nullcontext()

    @property
    def where(self) -> str:
        """What errors call it."""
        return self._where

    @property
    def far(self) -> bool:
        """Yes, but for the in-process double, which is to behave alike."""
        return True

    @property
    def live(self) -> LiveCollection:
        """Changes to the collection while an app uses it."""
        return LiveCollection(self._server, self._collection)

    @property
    def collection(self) -> str:
        """The collection's name, or the alias that it was opened by."""
        return self._collection

    def beside(self, collection: str) -> ServerStore:
        """The store of another collection of the same server, through the same client."""
        store = ServerStore(self._client, collection)
        store._lock = self._lock
        return store

    @property
    def generation(self) -> str:
        """The collection's own name, once it is settled."""
        return self._collection

    def settle(self) -> None:
        """Stay with the collection that the name leads to now, where it is an alias."""
        self._collection = self.current()

    @property
    def name(self) -> str:
        """The alias or the collection's name that it was opened by."""
        return self._name

    def current(self, name: str = "") -> str:
        """The collection that the alias leads to; without an alias, the name itself."""
        name = name or self._name
        try:
            return LiveCollection(self._server, name).alias_of() or name
        except (StoreUnavailable, StoreTimeout):
            raise
        except StoreError:  # a key for one collection alone may not ask for aliases
            return name

    def unused(self, after: str = "") -> str:
        """``kb@2`` after ``kb`` or ``kb@1``. Raises ``UsageError`` where the name is no alias."""
        if self.current() == self._name:
            raise UsageError(
                f"{self._name} is a collection, and Qdrant gives no alias the name of one, so that it cannot "
                "lead to another",
                f"Have searches and writers use an alias: --alias {self._name}-live makes it",
            )
        numbers = (each.rpartition("@")[2] for each in (self._collection, after) if "@" in each)
        following = 1 + max([1, *(int(number) for number in numbers if number.isdecimal())])
        while self.beside(found := f"{self._name}@{following}").exists():
            following += 1
        return found

    def at(self, generation: str) -> ServerStore:
        """The store of another collection that the alias may lead to, through the same client."""
        store = self.beside(generation)
        store._name = self._name
        return store

    def alias(self, generation: str) -> None:
        """Have the alias lead to another collection, in one request."""
        self.live.move_alias(self._name, generation)

    def name_alias(self, alias: str) -> None:
        """Call the index by an alias, which is made where it is not there."""
        self.settle()
        leads = LiveCollection(self._server, alias).alias_of()
        if alias != self._collection and leads is None and not self.beside(alias).exists():
            self.live.move_alias(alias, self._collection)
        elif leads != self._collection:
            raise UsageError(
                f"{alias} is {f'an alias of {leads}' if leads else 'a collection'}, and cannot lead to "
                f"{self._collection}",
                "Choose another name with --alias",
            )
        self._name = alias

    def drop(self) -> None:
        """Delete the collection; what is not there does not matter."""
        self.live.drop_collection()
        self.close()

    def note(self, key: str) -> Any:
        """What ``set_note`` stored under a key of the collection's metadata, or None."""
        return self.live.note(key) if self.exists() else None

    def set_note(self, key: str, value: Any) -> None:
        """Store a JSON value under a key of the collection's metadata; None forgets it."""
        self.live.set_note(key, value)

    @property
    def wire(self) -> str:
        """How the server is asked: ``gRPC`` or ``REST``."""
        return "gRPC" if self._client.init_options.get("prefer_grpc") else "REST"

    def ensure(self, spec: CollectionSpec) -> tuple[str, ...]:
        """Make the collection, or check that the one that is there has what ``spec`` names.

        The payload indexes are there on return, so that no filter of Augury's own ever meets a field without.
        """
        info = self._describe()
        if info is None:
            with self._server() as client:
                client.create_collection(self._collection, **to_creation(spec))
            found = CollectionSpec(vectors=spec.vectors, sparse=spec.sparse)
        else:
            found = read_spec(info)
            check_same(spec, found, f"The {self._where}")
            if METADATA_KEY not in (info.config.metadata or {}) and not self._local:
                check_storage(spec, info.config.params, f"The {self._where}")
        with self._server() as client:
            for field, kind in spec.indexes.items():
                if field not in found.indexes:
                    params = to_index_params(
                        kind, tenant=field == spec.tenant, on_disk=spec.storage.on_disk("indexes")
                    )
                    client.create_payload_index(self._collection, field, params, wait=True)
        self._spec = found.model_copy(update={"indexes": {**found.indexes, **spec.indexes}})
        return ()

    def exists(self) -> bool:
        """Whether the collection has been made."""
        return self._describe() is not None

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points, replacing those with the same id; acknowledged by the server on return.

        Raises ``PointRejected`` before anything is sent.
        """
        check_points(points, self._layout())
        if points:
            with self._server("to take", described(points)) as client:
                client.upsert(self._collection, [to_point(point) for point in points], wait=True)

    def search(self, request: SearchRequest) -> list[ScoredPoint]:
        """The best points for one request."""
        return self.search_batch([request])[0]

    def search_batch(self, requests: Sequence[SearchRequest]) -> list[list[ScoredPoint]]:
        """The same for several requests in one request to the server."""
        spec = self._layout()
        for request in requests:
            check_request(request, spec)
        if requests and not self._local:
            require_version(self._version(), needed(requests), self._where)
        return ties.search(self._search, requests)

    def vectors(
        self, ids: Sequence[PointId], names: Sequence[str], *, payload: bool | tuple[str, ...] = True
    ) -> dict[PointId, Record]:
        """The named vectors and the payloads of points, by id; unknown ids are left out."""
        check_names(names, self._layout())
        wanted = known_ids(ids)
        if not wanted:
            return {}
        with self._server() as client:
            found = client.retrieve(
                self._collection,
                wanted,
                with_payload=payload_keys(payload),
                with_vectors=vector_names(names),
            )
        return {record.id: record for record in map(from_record, found)}

    def page(
        self,
        filter: Filter | None,
        *,
        payload: bool | tuple[str, ...] = True,
        vectors: tuple[str, ...] = (),
        batch: int,
        start: PointId | None = None,
    ) -> Page:
        """The first ``batch`` points that match, by id, from ``start`` on."""
        check_names(vectors, self._layout())
        with self._server() as client:
            found = client.scroll(
                self._collection,
                **to_page(filter, payload=payload, vectors=vectors, batch=batch, start=start),
            )
        return from_page(found)

    def delete(self, filter: Filter) -> None:
        """Delete the points that match. An empty filter raises ``FilterError``."""
        condition = parse_deletion(filter)
        with self._server() as client:
            client.delete(self._collection, models.FilterSelector(filter=condition), wait=True)

    def count(self, filter: Filter | None = None) -> int:
        """How many points match, exactly."""
        with self._server() as client:
            return client.count(self._collection, count_filter=to_filter(filter), exact=True).count

    def metadata(self) -> dict[str, Any] | None:
        """What ``set_metadata`` stored with the collection, or None."""
        info = self._describe()
        return read_metadata(info) if info else None

    def set_metadata(self, metadata: dict[str, Any] | None) -> None:
        """Store a JSON object with the collection, in one step; None forgets it.

        Raises ``Unsupported`` on a server before 1.16, which would ignore it in silence.
        """
        with self._server() as client:
            client.update_collection(self._collection, metadata={METADATA_KEY: metadata})
        if self.metadata() != metadata:
            raise Unsupported(
                f"The {self._where} does not keep collection metadata",
                "Use a Qdrant server of version 1.16 or later",
            )

    def info(self) -> StoreInfo:
        """Engine, version, size, vectors and payload indexes."""
        spec = self._layout()
        return StoreInfo(
            engine="qdrant-client local mode" if self._local else "qdrant",
            version=self._version(),
            points=self.count(),
            vectors=(*spec.vectors, *spec.sparse),
            indexes=dict(spec.indexes),
        )

    def awaitable(self, client: AsyncQdrantClient | None = None) -> AsyncServerStore | None:
        """The same collection for an event loop, through the client given or a connection of its own."""
        if client is not None:
            return AsyncServerStore(client, self._collection)
        if self._local:
            return None
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # of http, which was weighed
            client = AsyncQdrantClient(**self._client.init_options)
        return AsyncServerStore(client, self._collection, owned=True)

    def flush(self) -> None:
        """Does nothing: a server flushes by itself, and every write here waits for its acknowledgement."""

    def close(self) -> None:
        """Close the connection, unless the client was given. A second call does nothing."""
        if not self._closed and self._owned:
            self._client.close()
        self._closed = True

    def _search(self, requests: Sequence[SearchRequest]) -> list[list[ScoredPoint]]:
        queries = [to_query(request, self._layout()) for request in requests]
        with self._server("to answer", searches(queries)) as client:
            found = client.query_batch_points(self._collection, queries)
        return [[from_scored(point) for point in answer.points] for answer in found]

    def _describe(self) -> models.CollectionInfo | None:
        try:
            with self._server() as client:
                return client.get_collection(self._collection)
        except IndexNotFound:
            return None

    def _layout(self) -> CollectionSpec:
        if self._spec is None:
            with self._server() as client:
                self._spec = read_spec(client.get_collection(self._collection))
        return self._spec

    def _version(self) -> str:
        if self._server_version is None:
            with self._server() as client:
                self._server_version = client.info().version
        return self._server_version

    @contextmanager
    def _server(self, doing: str = "to answer", what: str = "a request") -> Iterator[QdrantClient]:
        if self._closed:
            raise StoreError(f"The {self._where} was closed", "Open it again before using it")
        with self._lock, translated(self._where, doing, what), quiet(self._local):
            yield self._client
