"""``EdgeStore(Path("index"), create=True)``: a folder, searched by Qdrant's own engine in process.

What the engine is like, as far as callers notice:

- **Durability.** When ``upsert`` and ``delete`` return, the operation is in the engine's journal: a process
  that is killed the next moment loses nothing, and opening the index again replays it. Only a loss of power
  needs ``flush``. It costs about as much as the upsert itself (about 40 ms after 256 points of 384
  dimensions with four multivector rows and a sparse vector, for 45 ms of upsert), so it runs by itself
  every 32 MiB: that keeps the journal, and the time to replay it, small.
- **Every vector is compared**, from memory-mapped files: no HNSW graph is built. At 50,000 points of 384
  dimensions that is about 12 ms for a vector, on one core. A graph would take 90 s to build and answer in
  4 ms, not always with the right points; one over multivectors took six minutes for 20,000 points.
- **Multivectors are compared by int8 codes first**, in segments of 10 MiB and more, unless
  ``SearchRequest.exact`` asks for whole rows or the query is no unit vector. Three times the points wanted
  are then scored by their whole rows, so scores and their order are exact; what the codes rank below three
  times the limit is not found. ``benchmarks/bench_layouts.py`` measures how often. Indexes made without
  codes go on without them.
- **Writing tidies.** After every 32 MiB, and on ``close``, the engine turns what was written into compact,
  read-only segments of about that size. Ingesting 50,000 points then peaks at 400 MB of memory instead of
  990 MB, the index opens in .1 s instead of 2.4 s, and a search reads its segments in parallel (14 ms instead
  of 20 ms). It takes about .1 ms a point, and is left out if the disk has no room for the copy.
- **One call at a time.** The engine holds Python's global interpreter lock during its calls, so threads do
  not search in parallel, and an event loop should call it from a thread only to stay responsive between
  calls.
- **Only one opener.** A second ``EdgeShard.load`` of a folder that is in use is refused by the engine, but
  only after it has deleted files that the first one still needs. The folder's own lock is therefore taken
  first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qdrant_edge as edge

from ...errors import AuguryError, FilterError, IndexFull, IndexNotFound, StoreError, UsageError
from ...schemas.collection import CollectionSpec
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
from .base import Paged
from .check import check_names, check_points, check_request, check_same, known_ids
from .edge_errors import os_error, translated
from .edge_folder import EdgeFolder
from .edge_wire import (
    SEGMENT_BYTES,
    from_record,
    from_scored,
    id_in,
    of_no_use,
    payload_keys,
    read_spec,
    stored_kind,
    to_config,
    to_index,
    to_point,
    to_query,
)
from .size import point_bytes

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

_SMALL_ROOM = 4 * 2**20
_COPIES = 2  # a point is written to the journal and to the segment


class EdgeStore(Paged):
    """One index folder. See the module for what the engine guarantees.

    Raises ``IndexNotFound`` if there is no index and ``create`` is false, ``IndexLocked`` if it is open
    elsewhere, ``IndexFull`` before a write that the disk may not hold, and ``StoreError`` for what the
    engine reports.
    """

    def __init__(self, path: Path, *, create: bool, folder: EdgeFolder | None = None) -> None:
        self._path = Path(path)
        self._folder = folder or EdgeFolder(self._path, create=create)
        self._shard: edge.EdgeShard | None = None
        self._spec = CollectionSpec()
        self._closed = False
        self._written = False
        self._unflushed = 0
        if self._folder.shard.is_dir():
            try:
                self._load()
            except BaseException:
                self._folder.release()
                raise

    @property
    def far(self) -> bool:
        """No: a second call costs next to nothing."""
        return False

    def ensure(self, spec: CollectionSpec) -> tuple[str, ...]:
        """Make the collection, or check that the one that is there has what ``spec`` names."""
        if self._closed or self._shard is None:
            self._create(spec)
            return of_no_use(spec.storage)
        kept = spec.model_copy(update={"indexes": {f: stored_kind(kind) for f, kind in spec.indexes.items()}})
        check_same(kept, self._spec, f"The index {self._path}")
        missing = {field: kind for field, kind in spec.indexes.items() if field not in self._spec.indexes}
        with self._engine() as shard:
            for field, kind in missing.items():
                shard.update(to_index(field, kind, tenant=field == spec.tenant))
        self._read_spec()
        return ()

    def exists(self) -> bool:
        """Whether the collection has been made."""
        return self._shard is not None

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points, replacing those with the same id; durable on return.

        Raises ``PointRejected`` or ``IndexFull`` before anything is written.
        """
        self._require()
        check_points(points, self._spec)
        if not points:
            return
        size = sum(map(point_bytes, points))
        self._folder.require_room(_COPIES * size)
        with self._engine() as shard:
            shard.update(edge.UpdateOperation.upsert_points([to_point(point) for point in points]))
        self._wrote(size)

    def search(self, request: SearchRequest) -> list[ScoredPoint]:
        """The best points for one request."""
        return self.search_batch([request])[0]

    def search_batch(self, requests: Sequence[SearchRequest]) -> list[list[ScoredPoint]]:
        """The same for several requests in one call to the engine."""
        self._require()
        for request in requests:
            check_request(request, self._spec)
        return ties.search(self._search, requests)

    def vectors(
        self, ids: Sequence[PointId], names: Sequence[str], *, payload: bool | tuple[str, ...] = True
    ) -> dict[PointId, Record]:
        """The named vectors and the payloads of points, by id; unknown ids are left out."""
        self._require()
        check_names(names, self._spec)
        wanted: list[Any] = known_ids(ids)
        with self._engine() as shard:
            found = shard.retrieve(wanted, payload_keys(payload), list(names))
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
        self._require()
        check_names(vectors, self._spec)
        offset: Any = start
        request = edge.ScrollRequest(offset, batch, _filter(filter), payload_keys(payload), list(vectors))
        with self._engine() as shard:
            found, offset = shard.scroll(request)
        return Page([from_record(record) for record in found], None if offset is None else id_in(offset))

    def delete(self, filter: Filter) -> None:
        """Delete the points that match; durable on return. An empty filter raises ``FilterError``."""
        self._require()
        from .edge_filters import to_edge
        from .filters import parse_deletion

        condition = to_edge(parse_deletion(filter))
        self._folder.require_room(0, _SMALL_ROOM)
        with self._engine() as shard:
            shard.update(edge.UpdateOperation.delete_points_by_filter(condition))
        self._wrote(0)

    def count(self, filter: Filter | None = None) -> int:
        """How many points match, exactly."""
        self._require()
        with self._engine() as shard:
            return shard.count(edge.CountRequest(exact=True, filter=_filter(filter)))

    def metadata(self) -> dict[str, Any] | None:
        """What ``set_metadata`` stored with the collection, or None."""
        self._require_open()
        return self._folder.metadata()

    def set_metadata(self, metadata: dict[str, Any]) -> None:
        """Store a JSON object with the collection, in one step."""
        self._require_open()
        self._folder.require_room(0, _SMALL_ROOM)
        self._folder.set_metadata(metadata)

    def note(self, key: str) -> Any:
        """What ``set_note`` stored under a key beside the metadata, or None."""
        self._require_open()
        return self._folder.note(key)

    def set_note(self, key: str, value: Any) -> None:
        """Store a JSON value under a key, in one step; None forgets it."""
        self._require_open()
        self._folder.set_note(key, value)

    @property
    def generation(self) -> str:
        """Its number: ``1`` is what the folder was made with."""
        return self._folder.generation

    def settle(self) -> None:
        """Does nothing: an open index stays with its generation."""

    @property
    def name(self) -> str:
        """Empty: the folder leads to it, by whatever path."""
        return ""

    def current(self, name: str = "") -> str:
        """The number of the generation that opening the folder gives."""
        return self._folder.current()

    def unused(self, after: str = "") -> str:
        """A number that no generation has."""
        return self._folder.unused(after)

    def at(self, generation: str) -> EdgeStore:
        """The store of another generation in the same folder, under the same lock."""
        self._require_open()
        folder = EdgeFolder(self._path, create=False, generation=generation, beside=self._folder)
        return EdgeStore(self._path, create=False, folder=folder)

    def alias(self, generation: str) -> None:
        """Have the folder opened at another generation from now on, in one step."""
        self._require_open()
        self._folder.lead_to(generation)

    def name_alias(self, alias: str) -> None:
        """Raises ``UsageError``: the folder's name leads to any of its generations."""
        raise UsageError(f"The index {self._path} is a folder and needs no alias", "Leave --alias out")

    def drop(self) -> None:
        """Delete this generation's files."""
        self.close()
        self._folder.drop()

    def info(self) -> StoreInfo:
        """Engine, version, size, vectors and payload indexes."""
        names = (*self._spec.vectors, *self._spec.sparse)
        return StoreInfo(
            engine="qdrant-edge",
            version=version("qdrant-edge-py"),
            points=self.count() if self.exists() else 0,
            vectors=names,
            indexes=dict(self._spec.indexes),
        )

    def awaitable(self, client: AsyncQdrantClient | None = None) -> None:
        """None: the engine runs in this process, so a worker thread has to call it."""
        if client is not None:
            raise UsageError(f"The index {self._path} is embedded and has no server", "Leave the client out")

    def flush(self) -> None:
        """Make everything written survive a loss of power, and let the journal shrink."""
        self._require_open()
        if self._shard is not None:
            with self._engine() as shard:
                shard.flush()
        self._unflushed = 0

    def close(self) -> None:
        """Tidy up after writes, close the engine and release the folder. A second call does nothing."""
        if self._closed:
            return
        try:
            if self._shard is not None:
                self._finish()
        finally:
            self._shard = None
            self._closed = True
            self._folder.release()

    def _finish(self) -> None:
        with self._engine() as shard:
            try:
                shard.flush()
                if self._written:
                    self._tidy(shard)
            finally:
                shard.close()

    def _tidy(self, shard: edge.EdgeShard) -> None:
        try:
            self._folder.require_room(_COPIES * SEGMENT_BYTES)
        except IndexFull:
            return
        shard.optimize()

    def _create(self, spec: CollectionSpec) -> None:
        """Make the shard beside its place and move it there complete, so that kill -9 leaves no half."""
        self._require_open()
        self._folder.require_room(0)
        try:
            self._folder.clear_shard()
            with translated(self._path):
                made = edge.EdgeShard.create(str(self._folder.shard_new), to_config(spec))
                for field, kind in spec.indexes.items():
                    made.update(to_index(field, kind, tenant=field == spec.tenant))
                made.close()
            self._folder.take_shard()
        except OSError as error:
            raise os_error(error, self._path) from error
        self._load()

    def _load(self) -> None:
        with translated(self._path, opening=True):
            self._shard = edge.EdgeShard.load(str(self._folder.shard))
        self._read_spec()

    def _read_spec(self) -> None:
        with self._engine() as shard:
            schema = shard.info().payload_schema
        try:
            self._spec = read_spec(self._folder.shard, schema)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"The layout of the index {self._path} cannot be read: {error!r}",
                "Keep the folder; check which version of qdrant-edge-py wrote it and install that one",
            ) from error

    def _search(self, requests: Sequence[SearchRequest]) -> list[list[ScoredPoint]]:
        with self._engine() as shard:
            queries = [to_query(request, _filter) for request in requests]
            found = shard.query_batch(edge.QueryBatchRequest(queries))
        return [[from_scored(point) for point in points] for points in found]

    def _wrote(self, size: int) -> None:
        self._written = True
        self._unflushed += size
        if self._unflushed >= SEGMENT_BYTES:
            self.flush()
            with self._engine() as shard:
                self._tidy(shard)

    def _require_open(self) -> None:
        if self._closed:
            raise StoreError(f"The index {self._path} was closed", "Open it again before using it")

    def _require(self) -> None:
        self._require_open()
        if self._shard is None:
            raise IndexNotFound(
                f"The index {self._path} is empty: nothing was ever written to it", "Ingest first"
            )

    @contextmanager
    def _engine(self) -> Iterator[edge.EdgeShard]:
        self._require()
        assert self._shard is not None
        with translated(self._path):
            yield self._shard


def _filter(filter: Filter | None) -> edge.Filter | None:
    if not filter:
        return None
    from .edge_filters import to_edge
    from .filters import parse_filter

    parsed = parse_filter(filter)
    try:
        return to_edge(parsed)
    except AuguryError:
        raise
    except Exception as error:  # a number or a path that the engine's types cannot hold
        raise FilterError(
            f"The engine cannot use this filter: {str(error).splitlines()[0] if str(error) else error!r}",
            "Check its numbers, coordinates and field names",
        ) from error
