"""Every point of an app's collection gets Augury's vectors and bookkeeping: what is new or changed since."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from ...errors import AuguryError
from ...schemas.document import Document, Passage, digest
from ...schemas.payload_layout import PayloadLayout
from ...schemas.points import Point, Record, Vector
from ...schemas.profile import Adoption, Profile
from ...schemas.report import IngestReport
from ..index_models import IndexModels
from ..ingest.encode import Encode
from ..ingest.pipeline import finished, through
from ..ingest.scenario_source import ScenarioSource
from ..ingest.select import WINDOW, Known, grouped
from ..ingest.tally import Tally
from ..ingest.work import Job, Work
from ..ingest.write import Write

if TYPE_CHECKING:
    from ..store.server import ServerStore

_READ = 128


def fill(
    store: ServerStore,
    profile: Profile,
    models: IndexModels,
    *,
    scenarios: ScenarioSource | None,
    keep_scenarios: bool,
    check: Callable[[], None],
    progress: Callable[[IngestReport], None] | None = None,
) -> IngestReport:
    """``fill(store, profile, models, ...)`` gives a report whose documents are the collection's points.

    A point is done when its bookkeeping carries the fingerprint of its text. What is written beside goes to
    named vectors and under one payload key; a point that the app writes at the same time is the app's, and is
    done by the next run.

    Args:
        check: called before each batch is written; raises where another run has taken over.
    """
    adopted = profile.adopted
    assert adopted is not None
    tally = Tally(progress=progress)
    seconds: dict[str, float] = {}
    live = store.live

    def put(points: list[Point]) -> None:
        check()
        live.merge([_added(point, adopted) for point in points], profile.payload.own)

    pending = _Pending(store, profile, tally, scenarios, keep_scenarios=keep_scenarios)
    encode = Encode(
        models.dense, models.sparse, models.hypencoder if profile.own_hypencoder else None, profile, tally
    )
    try:
        windows = grouped(pending.works(), WINDOW, lambda work: len(work.passage.text))
        through(windows, encode, Write(store, tally, put), scenarios, profile, tally, seconds)
    except AuguryError as error:
        tally.report.stopped = True
        error.report = finished(tally, scenarios, seconds)
        raise
    if pending.without_text:
        tally.note(
            f"{pending.without_text} points have no text under {profile.payload.text!r} and were left as "
            "they are."
        )
    return finished(tally, scenarios, seconds)


class _Pending:
    """The points that have to be done."""

    def __init__(
        self,
        store: ServerStore,
        profile: Profile,
        tally: Tally,
        scenarios: ScenarioSource | None,
        *,
        keep_scenarios: bool,
    ) -> None:
        self._store = store
        self._profile = profile
        self._tally = tally
        self._scenarios = scenarios
        self._keep_scenarios = keep_scenarios
        self.without_text = 0

    def works(self) -> Iterator[Work]:
        """One for each point that is new or has changed, in the order of the points."""
        layout, adopted = self._profile.payload, self._profile.adopted
        assert adopted is not None
        theirs = self._profile.names.dense
        read = () if theirs in adopted.vectors else (theirs,)
        keys = (*layout.keys("text", "title", "doc_id"), layout.own)
        for records in self._store.scroll(payload=keys, vectors=read, batch=_READ):
            for record in records:
                self._tally.read()
                work = self._work(record, layout, theirs if read else None)
                if work is None:
                    self._tally.unchanged()
                else:
                    yield work

    def _work(self, record: Record, layout: PayloadLayout, theirs: str | None) -> Work | None:
        payload = record.payload
        text, title = layout.text_of(payload), layout.title_of(payload)
        if not text.strip():
            self.without_text += 1
            return None
        vector = record.vectors.get(theirs) if theirs is not None else None
        document = Document(id=layout.doc_id_of(payload, record.id), text=text, title=title)
        content_hash = digest(title, text, _digest(vector))
        scenario_print = self._scenarios.fingerprint(document) if self._scenarios else ""
        wanted = self._profile.fingerprint(document.id, content_hash, scenario_print)
        stored = Known.read(payload, layout)
        if stored.is_done(wanted, keep_scenarios=self._keep_scenarios, repair=self._scenarios is not None):
            return None
        loses = self._keep_scenarios and stored.state not in ("", "off")
        passage = Passage(
            doc_id=document.id, chunk=0, chunks=1, text=text, title=title, content_hash=content_hash
        )
        work = Work(
            Job(document, str(wanted), remaining=1), passage, record.id, "missing" if loses else "off"
        )
        if theirs is not None and isinstance(vector, np.ndarray) and vector.any():
            work.known = {theirs: np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)}
        return work


def _digest(vector: Vector | None) -> str:
    """Of the app's own vector, so that a point whose vector was made anew is done anew."""
    return digest(vector.round(4).tobytes().hex()) if isinstance(vector, np.ndarray) else ""


def _added(point: Point, adopted: Adoption) -> Point:
    """The point without the vectors that are the app's."""
    vectors = {name: vector for name, vector in point.vectors.items() if name in adopted.vectors}
    return Point(point.id, vectors, point.payload)
