"""``AsyncServerStore(AsyncQdrantClient(url=...), "papers")``: what a search needs of a server, awaited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qdrant_client import AsyncQdrantClient

from ...errors import StoreError, StoreTimeout, StoreUnavailable
from ...schemas.collection import CollectionSpec
from ...schemas.points import Filter, Page, PointId, Record, ScoredPoint, SearchRequest
from . import ties
from .check import check_names, check_request, known_ids
from .server_errors import translated
from .server_version import needed, require_version
from .server_wire import (
    from_page,
    from_record,
    from_scored,
    payload_keys,
    place_of,
    quiet,
    read_metadata,
    read_spec,
    searches,
    to_page,
    to_query,
    vector_names,
)


class AsyncServerStore:
    """One collection of one server, for an event loop.

    Args:
        client: used as it is; closed by ``close`` only if it is ``owned``.
        collection: its name or an alias.

    Raises ``StoreUnavailable``, ``StoreTimeout``, ``Unsupported`` and ``StoreError``.
    """

    def __init__(self, client: AsyncQdrantClient, collection: str, *, owned: bool = False) -> None:
        self._client = client
        self._collection = collection
        self._owned = owned
        host, self._local = place_of(client.init_options)
        self._where = f"collection {collection!r} at {host}"
        self._spec: CollectionSpec | None = None
        self._version = ""
        self._closed = False

    @property
    def where(self) -> str:
        """What errors call it."""
        return self._where

    @property
    def generation(self) -> str:
        """The collection's own name, once it is settled."""
        return self._collection

    async def settle(self) -> None:
        """Stay with the collection that the name leads to now, where it is an alias."""
        try:
            with translated(self._where):
                aliases = (await self._open().get_aliases()).aliases
        except (StoreUnavailable, StoreTimeout):
            raise
        except StoreError:  # a key for one collection alone may not ask for aliases
            return
        leads = {each.alias_name: each.collection_name for each in aliases}
        self._collection = leads.get(self._collection, self._collection)

    async def search_batch(self, requests: Sequence[SearchRequest]) -> list[list[ScoredPoint]]:
        """The best points for each request, in one request to the server."""
        spec = await self._layout()
        for request in requests:
            check_request(request, spec)
        await self._require_version(requests)
        return await ties.search_async(self._search, requests)

    async def vectors(
        self, ids: Sequence[PointId], names: Sequence[str], *, payload: bool | tuple[str, ...] = True
    ) -> dict[PointId, Record]:
        """The named vectors and the payloads of points, by id; unknown ids are left out."""
        check_names(names, await self._layout())
        wanted = known_ids(ids)
        if not wanted:
            return {}
        with translated(self._where):
            found = await self._open().retrieve(
                self._collection,
                wanted,
                with_payload=payload_keys(payload),
                with_vectors=vector_names(names),
            )
        return {record.id: record for record in map(from_record, found)}

    async def page(
        self,
        filter: Filter | None,
        *,
        payload: bool | tuple[str, ...] = True,
        vectors: tuple[str, ...] = (),
        batch: int,
        start: PointId | None = None,
    ) -> Page:
        """The first ``batch`` points that match, by id, from ``start`` on."""
        check_names(vectors, await self._layout())
        with translated(self._where):
            found = await self._open().scroll(
                self._collection,
                **to_page(filter, payload=payload, vectors=vectors, batch=batch, start=start),
            )
        return from_page(found)

    async def metadata(self) -> dict[str, Any] | None:
        """What ``ServerStore.set_metadata`` stored. Raises ``IndexNotFound`` if there is no collection."""
        with translated(self._where):
            return read_metadata(await self._open().get_collection(self._collection))

    async def close(self) -> None:
        """Close the connection, if it is owned. A second call does nothing."""
        if not self._closed and self._owned:
            await self._client.close()
        self._closed = True

    async def _search(self, requests: Sequence[SearchRequest]) -> list[list[ScoredPoint]]:
        spec = await self._layout()
        queries = [to_query(request, spec) for request in requests]
        with translated(self._where, what=searches(queries)), quiet(self._local):  # which never waits inside
            found = await self._open().query_batch_points(self._collection, queries)
        return [[from_scored(point) for point in answer.points] for answer in found]

    async def _layout(self) -> CollectionSpec:
        if self._spec is None:
            with translated(self._where):
                self._spec = read_spec(await self._open().get_collection(self._collection))
        return self._spec

    async def _require_version(self, requests: Sequence[SearchRequest]) -> None:
        if self._local or not requests:
            return
        if not self._version:
            with translated(self._where):
                self._version = (await self._open().info()).version
        require_version(self._version, needed(requests), self._where)

    def _open(self) -> AsyncQdrantClient:
        if self._closed:
            raise StoreError(f"The {self._where} was closed", "Open it again before using it")
        return self._client
