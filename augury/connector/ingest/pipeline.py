"""Ingest: select -> scenarios -> encode and fold -> write, then what has vanished.

Kill it at any moment and run it again: the index ends the same, and only what was missing is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from ...errors import AuguryError
from ...models.encoder import DenseEncoder, SparseEncoder
from ...models.reranker import VectorReranker
from ...schemas.document import Passage
from ...schemas.plan import Tenant
from ...schemas.points import Point
from ...schemas.profile import Profile
from ...schemas.report import IngestReport
from ...schemas.scenario import Scenario
from ..fence import Fence
from ..store.base import Store
from .encode import Encode
from .flow import Stage, flow
from .generator import ScenarioGenerator
from .readable import SourceItem
from .scenario_source import ScenarioSource, clean
from .seen import SeenIds
from .select import ASKING_WINDOW, WINDOW, Selector, of_tenant
from .tally import OnError, Tally
from .work import Window
from .write import Write

_DELETE_BATCH = 256
_ASKED_AHEAD = 4  # windows


def ingest(
    source: Iterable[SourceItem],
    store: Store,
    profile: Profile,
    dense: DenseEncoder,
    sparse: SparseEncoder | None,
    hypencoder: VectorReranker | None = None,
    *,
    scenarios: ScenarioSource | None = None,
    keep_scenarios: bool = False,
    sync: bool = False,
    repair: bool = False,
    on_error: OnError = "continue",
    dead_letters: Path | None = None,
    progress: Callable[[IngestReport], None] | None = None,
    fence: Fence | None = None,
) -> IngestReport:
    """``ingest(documents, store, profile, dense, sparse)`` returns a report that adds up.

    Args:
        hypencoder: gives passages the vector that its q-nets read.
        scenarios: where scenarios come from; None for nowhere.
        keep_scenarios: leave unchanged documents the scenarios they have.
        sync: afterwards delete documents of the index that the source no longer has.
        repair: also redo passages whose scenarios are missing.
        on_error: ``continue`` counts a bad document and goes on, ``stop`` raises its error.
        dead_letters: a JSON Lines file for documents that failed.
        progress: called with the running report.
        fence: keeps what is written from missing the new generation of a re-index.

    Raises:
        AuguryError: what ends the whole run (a full disk, a server that stays away, ``on_error="stop"``).
            Its ``report`` attribute says how far it came.
    """
    tally = Tally(on_error=on_error, dead_letters=dead_letters, progress=progress)
    seconds: dict[str, float] = {}
    seen = SeenIds()
    selector = Selector(
        store,
        profile,
        tally,
        scenarios=scenarios,
        keep_scenarios=keep_scenarios,
        repair=repair,
        seen=seen,
        window=ASKING_WINDOW if isinstance(scenarios, ScenarioGenerator) else WINDOW,
    )
    encode = Encode(dense, sparse, hypencoder, profile, tally)

    def put(points: list[Point]) -> None:
        store.upsert(points)
        if fence:
            fence.now_and_then()

    try:
        through(
            selector.windows(source), encode, Write(store, tally, put), scenarios, profile, tally, seconds
        )
        if sync:
            delete_vanished(store, profile, seen, tally, unreadable=selector.unreadable)
        store.flush()
        if fence:
            fence.check()
    except AuguryError as error:
        tally.report.stopped = True
        error.report = finished(tally, scenarios, seconds)
        raise
    finally:
        seen.close()
    if keep_scenarios and tally.report.scenarios.missing:
        tally.note(
            f"{tally.report.scenarios.missing} passages changed and the scenarios of their old text were not "
            "kept; make new ones with --scenarios FILE."
        )
    return finished(tally, scenarios, seconds)


def through(
    windows: Iterable[Window],
    encode: Encode,
    write: Write,
    scenarios: ScenarioSource | None,
    profile: Profile,
    tally: Tally,
    seconds: dict[str, float],
) -> None:
    """Take every window through the stages; ``seconds`` receives how long each was busy."""
    stages: dict[str, Stage] = {"encode": encode, "write": write}
    asking = AskScenarios(scenarios) if scenarios else None
    if asking:
        stages = {"ask": asking, "scenarios": AddScenarios(profile, tally), **stages}
    try:
        flow(windows, stages, seconds=seconds, on_abort=scenarios.close if scenarios else None)
    finally:
        if asking:
            asking.close()


def finished(tally: Tally, source: ScenarioSource | None, seconds: dict[str, float]) -> IngestReport:
    """The report, with what the scenario source has to say and what its LLM did."""
    if source is not None:
        tally.report.notes.extend(source.notes())
    if isinstance(source, ScenarioGenerator):
        tally.report.llm = source.usage
    seconds.pop("ask", None)  # takes no time; what is waited for is in "scenarios"
    return tally.finish(seconds)


Asked = tuple[Window, Future[list[list[Scenario] | None]]]


class AskScenarios:
    """The stage that asks a scenario source, for several windows at once, so that one that waits for its
    last answers does not leave the source idle."""

    def __init__(self, source: ScenarioSource) -> None:
        self._source = source
        self._threads = ThreadPoolExecutor(_ASKED_AHEAD, thread_name_prefix="augury-scenarios")

    def __call__(self, window: Window) -> Asked:
        passages: list[Passage] = [work.passage for work in window]
        return window, self._threads.submit(self._source.scenarios, passages)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(cancel_futures=True)


class AddScenarios:
    """The stage that waits for the answers; a passage that has none is indexed without."""

    def __init__(self, profile: Profile, tally: Tally) -> None:
        self._profile = profile.scenarios
        self._tally = tally

    def __call__(self, asked: Asked) -> Window:
        window, answers = asked
        for work, found in zip(window, answers.result(), strict=True):
            work.state = "missing" if found is None else "complete"
            work.scenarios = self._usable(found or [])
            self._tally.scenarios(none=found == [])
        return window

    def _usable(self, found: list[Scenario]) -> tuple[Scenario, ...]:
        """Cleaned, each once, and no more than the profile allows."""
        cleaned = (clean(scenario, self._profile.max_chars) for scenario in found)
        unique = tuple(dict.fromkeys(scenario for scenario in cleaned if scenario))
        kept = unique[: self._profile.max_per_passage]
        self._tally.scenarios(dropped=len(found) - len(kept))
        return kept


def delete_vanished(store: Store, profile: Profile, seen: SeenIds, tally: Tally, *, unreadable: int) -> None:
    """Delete the documents of the index that the source no longer has.

    Nothing is deleted when a record could not be read far enough to know its id (and its tenant), or when the
    source had no document at all: what looks vanished may only be unreadable. Of tenants of which the source
    has no document, nothing is deleted either: it may be one tenant's own.
    """
    if unreadable or len(seen) == 0:
        reason = f"{unreadable} records could not be read" if unreadable else "the source had no document"
        tally.note(f"Nothing was deleted by --sync, because {reason}; mend the source and run it again.")
        return
    for tenant in seen.tenants():
        mine = Tenant(field=profile.tenant, value=tenant).within() if profile.tenant else None
        vanished: dict[str, None] = {}
        for records in store.scroll(mine, payload=("doc_id",)):
            ids = (str(record.payload["doc_id"]) for record in records if "doc_id" in record.payload)
            vanished.update(dict.fromkeys(doc_id for doc_id in ids if not seen.has(doc_id, tenant)))
        remaining = iter(vanished)
        while batch := list(islice(remaining, _DELETE_BATCH)):
            condition = of_tenant(profile, tenant, {"key": "doc_id", "match": {"any": batch}})
            passages = store.count(condition)
            store.delete(condition)
            tally.add(passages_deleted=passages, documents_deleted=len(batch))
