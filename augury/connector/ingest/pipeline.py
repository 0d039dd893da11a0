"""Ingest: select -> scenarios -> encode and fold -> write, then what has vanished.

Kill it at any moment and run it again: the index ends the same, and only what was missing is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

from ...errors import AuguryError
from ...models.encoder import DenseEncoder, SparseEncoder
from ...schemas.document import Passage
from ...schemas.profile import Profile
from ...schemas.report import IngestReport
from ...schemas.scenario import Scenario
from ..store.base import Store
from .encode import Encode
from .flow import Stage, flow
from .scenario_source import ScenarioSource, clean
from .seen import SeenIds
from .select import Selector, SourceItem
from .tally import OnError, Tally
from .work import Window
from .write import Write

_DELETE_BATCH = 256


def ingest(
    source: Iterable[SourceItem],
    store: Store,
    profile: Profile,
    dense: DenseEncoder,
    sparse: SparseEncoder | None,
    *,
    scenarios: ScenarioSource | None = None,
    keep_scenarios: bool = False,
    sync: bool = False,
    repair: bool = False,
    on_error: OnError = "continue",
    dead_letters: Path | None = None,
    progress: Callable[[IngestReport], None] | None = None,
) -> IngestReport:
    """``ingest(documents, store, profile, dense, sparse)`` returns a report that adds up.

    Args:
        scenarios: where scenarios come from; None for nowhere.
        keep_scenarios: leave unchanged documents the scenarios they have.
        sync: afterwards delete documents of the index that the source no longer has.
        repair: also redo passages whose scenarios are missing.
        on_error: ``continue`` counts a bad document and goes on, ``stop`` raises its error.
        dead_letters: a JSON Lines file for documents that failed.
        progress: called with the running report.

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
    )
    stages: dict[str, Stage] = {
        "encode": Encode(dense, sparse, profile, tally),
        "write": Write(store, tally),
    }
    if scenarios:
        stages = {"scenarios": AddScenarios(scenarios, profile, tally), **stages}
    try:
        flow(selector.windows(source), stages, seconds=seconds)
        if sync:
            delete_vanished(store, seen, tally, unreadable=selector.unreadable)
        store.flush()
    except AuguryError as error:
        tally.report.stopped = True
        error.report = tally.finish(seconds)
        raise
    finally:
        seen.close()
    if keep_scenarios and tally.report.scenarios.missing:
        tally.note(
            f"{tally.report.scenarios.missing} passages changed and the scenarios of their old text were not "
            "kept; make new ones with --scenarios FILE."
        )
    return tally.finish(seconds)


class AddScenarios:
    """The stage that asks a scenario source; a passage it has none for is indexed without."""

    def __init__(self, source: ScenarioSource, profile: Profile, tally: Tally) -> None:
        self._source = source
        self._profile = profile.scenarios
        self._tally = tally

    def __call__(self, window: Window) -> Window:
        passages: list[Passage] = [work.passage for work in window]
        for work, found in zip(window, self._source.scenarios(passages), strict=True):
            work.state = "missing" if found is None else "complete"
            work.scenarios = self._usable(found or [])
        return window

    def _usable(self, found: list[Scenario]) -> tuple[Scenario, ...]:
        """Cleaned, each once, and no more than the profile allows."""
        cleaned = (clean(scenario, self._profile.max_chars) for scenario in found)
        unique = tuple(dict.fromkeys(scenario for scenario in cleaned if scenario))
        kept = unique[: self._profile.max_per_passage]
        self._tally.scenarios(dropped=len(found) - len(kept))
        return kept


def delete_vanished(store: Store, seen: SeenIds, tally: Tally, *, unreadable: int) -> None:
    """Delete the documents of the index that the source no longer has.

    Nothing is deleted when a record could not be read far enough to know its id, or when the source had
    no document at all: what looks vanished may only be unreadable.
    """
    if unreadable or len(seen) == 0:
        reason = f"{unreadable} records could not be read" if unreadable else "the source had no document"
        tally.note(f"Nothing was deleted by --sync, because {reason}; mend the source and run it again.")
        return
    vanished: dict[str, None] = {}
    for records in store.scroll(payload=("doc_id",)):
        ids = (str(record.payload["doc_id"]) for record in records if "doc_id" in record.payload)
        vanished.update(dict.fromkeys(doc_id for doc_id in ids if doc_id not in seen))
    remaining = iter(vanished)
    while batch := list(islice(remaining, _DELETE_BATCH)):
        condition = {"must": [{"key": "doc_id", "match": {"any": batch}}]}
        passages = store.count(condition)
        store.delete(condition)
        tally.add(passages_deleted=passages, documents_deleted=len(batch))
