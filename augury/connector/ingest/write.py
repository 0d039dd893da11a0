"""Points into the store: bounded batches, halved when too large, bad points set aside."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...errors import PointRejected, StoreTimeout
from ...schemas.points import Point
from ..store.base import Store
from ..store.size import point_bytes
from .encode import Encoded, fail
from .patience import patiently
from .select import remove_stale
from .tally import Tally
from .work import Work

MAX_BATCH_BYTES = 8 * 2**20
MAX_BATCH_POINTS = 256
_TIMEOUTS = 8
"""So many in a row, each for a smaller batch, and it is the server that hangs, not the batch."""


class Write:
    """``Write(store, tally)(points)`` upserts them; a document whose last passage arrived is done.

    ``put`` writes them in another way than ``store.upsert``.

    New points are acknowledged before the document's old ones are deleted, so a search never finds a
    document missing.
    """

    def __init__(self, store: Store, tally: Tally, put: Callable[[list[Point]], None] | None = None) -> None:
        self._store = store
        self._put = put or store.upsert
        self._tally = tally
        self._timeouts = 0

    def __call__(self, encoded: Encoded) -> None:
        works = {point.id: work for work, point in encoded}
        points = [point for work, point in encoded if not work.job.failed]
        for batch in batches(points):
            for point in self._upsert(batch, works):
                self._acknowledge(works[point.id])

    def _upsert(self, points: list[Point], works: dict[str | int, Work]) -> Iterator[Point]:
        """Write what can be written and yield it; the documents of the rest fail."""
        if not points:
            return
        try:
            patiently(lambda: self._put(points))
            self._timeouts = 0
        except (PointRejected, StoreTimeout) as error:
            if isinstance(error, StoreTimeout):
                self._timeouts += 1
                if self._timeouts > _TIMEOUTS:
                    raise
            refused = set(error.ids) if isinstance(error, PointRejected) else set()
            if refused:
                for point in points:
                    if point.id in refused:
                        fail(works[point.id], error, self._tally)
                yield from self._upsert([point for point in points if point.id not in refused], works)
            elif len(points) == 1:
                fail(works[points[0].id], error, self._tally)
            else:
                half = len(points) // 2
                yield from self._upsert(points[:half], works)
                yield from self._upsert(points[half:], works)
            return
        yield from points

    def _acknowledge(self, work: Work) -> None:
        job = work.job
        self._tally.add(passages=1)
        self._tally.scenarios(written=len(work.scenarios), missing=int(work.state == "missing"))
        job.remaining -= 1
        if job.remaining == 0 and not job.failed:
            remove_stale(self._store, job, self._tally)
            self._tally.written()


def batches(points: list[Point]) -> Iterator[list[Point]]:
    """Split by bytes and by count; one point that is larger than the bound goes alone."""
    batch: list[Point] = []
    size = 0
    for point in points:
        weight = point_bytes(point)
        if batch and (size + weight > MAX_BATCH_BYTES or len(batch) >= MAX_BATCH_POINTS):
            yield batch
            batch, size = [], 0
        batch.append(point)
        size += weight
    if batch:
        yield batch
