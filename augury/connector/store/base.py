"""The Store protocol: what Augury needs of a vector database, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ...schemas.collection import CollectionSpec
from ...schemas.points import Filter, Page, Point, PointId, Record, ScoredPoint, SearchRequest, StoreInfo

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient


class AsyncStore(Protocol):
    """What a search needs of a store, awaited. Its methods are those of ``Store``."""

    async def search_batch(self, requests: Sequence[SearchRequest]) -> list[list[ScoredPoint]]:
        """The best points for each request."""
        ...

    async def vectors(
        self, ids: Sequence[PointId], names: Sequence[str], *, payload: bool | tuple[str, ...] = True
    ) -> dict[PointId, Record]:
        """The named vectors and the payloads of points, by id."""
        ...

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
        ...

    async def close(self) -> None:
        """Release the connection. A second call does nothing."""
        ...


class Store(Protocol):
    """One collection of one engine.

    Every method raises the errors of ``augury.errors`` and nothing else of its engine. Results with
    equal scores are ordered by id, so that two stores give the same ranking.
    """

    @property
    def far(self) -> bool:
        """Whether a call crosses a network, so that one call for more is better than two."""
        ...

    def ensure(self, spec: CollectionSpec) -> tuple[str, ...]:
        """Make the collection, or check that the one that is there has what ``spec`` names.

        Missing payload indexes are added. A vector of another size or kind raises ``StoreError``.

        Returns:
            Sentences on what of a new collection's ``spec`` the engine has no use for.
        """
        ...

    def exists(self) -> bool:
        """Whether the collection has been made."""
        ...

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points, replacing those with the same id; durable on return.

        Raises ``PointRejected`` (with ids) before anything is written if a point's vectors have another
        width, hold NaN or infinities, or a sparse index twice.
        """
        ...

    def search(self, request: SearchRequest) -> list[ScoredPoint]:
        """The best points for one request."""
        ...

    def search_batch(self, requests: Sequence[SearchRequest]) -> list[list[ScoredPoint]]:
        """The same for several requests in one call to the engine."""
        ...

    def vectors(
        self, ids: Sequence[PointId], names: Sequence[str], *, payload: bool | tuple[str, ...] = True
    ) -> dict[PointId, Record]:
        """The named vectors and the payloads of points, by id; unknown ids are left out."""
        ...

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
        ...

    def scroll(
        self,
        filter: Filter | None = None,
        *,
        payload: bool | tuple[str, ...] = True,
        vectors: tuple[str, ...] = (),
        batch: int = 1000,
    ) -> Iterator[list[Record]]:
        """Every matching point once, in batches, by id."""
        ...

    def delete(self, filter: Filter) -> None:
        """Delete the points that match."""
        ...

    def count(self, filter: Filter | None = None) -> int:
        """How many points match, exactly."""
        ...

    def metadata(self) -> dict[str, Any] | None:
        """What ``set_metadata`` stored with the collection, or None."""
        ...

    def set_metadata(self, metadata: dict[str, Any]) -> None:
        """Store a JSON object with the collection, in one step."""
        ...

    def note(self, key: str) -> Any:
        """What ``set_note`` stored under a key beside the metadata of this generation, or None."""
        ...

    def set_note(self, key: str, value: Any) -> None:
        """Store a JSON value under a key, in one step; None forgets it."""
        ...

    @property
    def generation(self) -> str:
        """Which generation of the index this is. It stays so when the index's name leads elsewhere."""
        ...

    def settle(self) -> None:
        """Stay with the generation that the index's name leads to now."""
        ...

    @property
    def name(self) -> str:
        """What leads to the current generation: a collection's name or an alias; empty for a folder."""
        ...

    def current(self, name: str = "") -> str:
        """The generation that the index's name leads to, or another name that it has."""
        ...

    def unused(self, after: str = "") -> str:
        """A name for a new generation, which none has, and which comes after another's.

        Raises ``UsageError`` where the index's name is not one that can lead to another generation.
        """
        ...

    def at(self, generation: str) -> Store:
        """The store of another generation of this index, made or not. Close both."""
        ...

    def alias(self, generation: str) -> None:
        """Have the index's name lead to another generation, in one step."""
        ...

    def name_alias(self, alias: str) -> None:
        """Call the index by an alias, which is made where it is not there.

        Raises ``UsageError`` where the alias leads to another collection, or the engine needs none.
        """
        ...

    def drop(self) -> None:
        """Delete this generation, which must not be the current one; it is closed."""
        ...

    def info(self) -> StoreInfo:
        """Engine, version, size, vectors and payload indexes."""
        ...

    def awaitable(self, client: AsyncQdrantClient | None = None) -> AsyncStore | None:
        """The same collection for an event loop; None where the engine has to run in a worker thread.

        Args:
            client: the app's own; it is left open. Raises ``UsageError`` where there is no server.
        """
        ...

    def flush(self) -> None:
        """Make everything written survive a loss of power, where the engine lets one ask for it."""
        ...

    def close(self) -> None:
        """Release files and connections. A second call does nothing."""
        ...


class Paged:
    """Mixed into a store that has ``page``: its ``scroll``."""

    page: Callable[..., Page]

    def scroll(
        self,
        filter: Filter | None = None,
        *,
        payload: bool | tuple[str, ...] = True,
        vectors: tuple[str, ...] = (),
        batch: int = 1000,
    ) -> Iterator[list[Record]]:
        """Every matching point once, in batches, by id."""
        start: PointId | None = None
        while True:
            records, start = self.page(filter, payload=payload, vectors=vectors, batch=batch, start=start)
            if records:
                yield records
            if start is None:
                return
