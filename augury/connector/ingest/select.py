"""Which passages must be written: what the index already holds complete is skipped.

The index is its own manifest. A passage is done when its point carries the fingerprint that this run
would give it, so a run that died is resumed by running it again, from any machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from ...errors import AuguryError
from ...schemas.document import Document
from ...schemas.fingerprint import Fingerprint
from ...schemas.payload_layout import PayloadLayout
from ...schemas.plan import Tenant
from ...schemas.points import Filter, Payload, PointId, Record
from ...schemas.profile import Profile
from ..store.base import Store
from .chunk import chunk
from .patience import patiently
from .readable import Readable, SourceItem
from .scenario_source import ScenarioSource
from .seen import SeenIds
from .tally import Tally
from .tenancy import tenant_of
from .work import Job, Window, Work

T = TypeVar("T")

_LOOKUP = 128  # documents asked for at once
WINDOW = 256  # passages encoded together
ASKING_WINDOW = 64  # fewer where an LLM writes scenarios first, which may be slow
_CHARS = 4_000_000  # and in either no more text than this, but for one long document


@dataclass(frozen=True, slots=True)
class Known:
    """``Known.read(payload, layout)``: what the index holds of one passage."""

    fingerprint: Fingerprint | None
    state: str

    @classmethod
    def read(cls, payload: Payload, layout: PayloadLayout) -> Known:
        """From the payload of its point."""
        own = layout.own_of(payload)
        return cls(Fingerprint.parse(str(own.get("fingerprint", ""))), str(own.get("scenario_state", "")))

    def is_done(self, wanted: Fingerprint, *, keep_scenarios: bool, repair: bool) -> bool:
        """Whether it need not be written again to have the fingerprint that is wanted."""
        if self.fingerprint is None or (repair and self.state == "missing"):
            return False
        if keep_scenarios:
            wanted = wanted._replace(scenarios=self.fingerprint.scenarios)
        return self.fingerprint == wanted


class Selector:
    """``Selector(store, profile, tally, ...).windows(source)`` yields the work there is.

    Args:
        scenarios: where scenarios come from; None for nowhere.
        keep_scenarios: leave unchanged documents the scenarios they have, whatever those were made from. A
            document that changed is marked as missing them.
        repair: also take passages whose scenarios are missing.
        seen: receives the id of every document of the source.
        window: how many passages go through the pipeline together.
    """

    def __init__(
        self,
        store: Store,
        profile: Profile,
        tally: Tally,
        *,
        scenarios: ScenarioSource | None,
        keep_scenarios: bool,
        repair: bool,
        seen: SeenIds,
        window: int = WINDOW,
    ) -> None:
        self._window = window
        self._store = store
        self._profile = profile
        self._tally = tally
        self._scenarios = scenarios
        self._keep_scenarios = keep_scenarios
        self._repair = repair
        self._readable = Readable(tally, seen, profile.tenant)
        self._index_empty = store.count() == 0

    @property
    def unreadable(self) -> int:
        """Records of the source of which it could not even be read which document they are."""
        return self._readable.unreadable

    def windows(self, source: Iterable[SourceItem]) -> Iterator[Window]:
        """Passages to write, in windows of a bounded size, in the order of the source."""
        return grouped(self._work(source), self._window, lambda work: len(work.passage.text))

    def _work(self, source: Iterable[SourceItem]) -> Iterator[Work]:
        for batch in grouped(self._readable(source), _LOOKUP, lambda pair: len(pair[0].text)):
            tenants: dict[str, list[str]] = {}
            for document, _ in batch:
                tenants.setdefault(tenant_of(document, self._profile.tenant), []).append(document.id)
            known = {} if self._index_empty else self._lookup(tenants)
            for document, content_hash in batch:
                tenant = tenant_of(document, self._profile.tenant)
                yield from self._compare(document, content_hash, tenant, known.get((tenant, document.id), {}))

    def _lookup(self, tenants: Mapping[str, list[str]]) -> dict[tuple[str, str], dict[PointId, Known]]:
        """What the index holds of each tenant's documents, by tenant and id."""
        known: dict[tuple[str, str], dict[PointId, Known]] = {}
        payload = ("doc_id", "fingerprint", "scenario_state")
        for tenant, doc_ids in tenants.items():
            condition = of_tenant(self._profile, tenant, {"key": "doc_id", "match": {"any": doc_ids}})
            for record in patiently(partial(self._records, condition, payload)):
                known.setdefault((tenant, record.payload["doc_id"]), {})[record.id] = Known.read(
                    record.payload, self._profile.payload
                )
        return known

    def _records(self, condition: Filter, payload: tuple[str, ...]) -> list[Record]:
        return [record for records in self._store.scroll(condition, payload=payload) for record in records]

    def _compare(
        self, document: Document, content_hash: str, tenant: str, known: dict[PointId, Known]
    ) -> Iterator[Work]:
        scenario_print = self._scenarios.fingerprint(document) if self._scenarios else ""
        fingerprint = self._profile.fingerprint(document.id, content_hash, scenario_print)
        job = Job(document, str(fingerprint))
        done = {point for point, stored in known.items() if self._done(stored, fingerprint)}
        loses_scenarios = self._keep_scenarios and any(stored.state != "off" for stored in known.values())
        todo = [
            Work(job, passage, point, "missing" if loses_scenarios else "off")
            for passage in chunk(document, self._profile.chunk)
            if (point := self._profile.point_id(passage.doc_id, passage.chunk, tenant)) not in done
        ]
        job.remaining = len(todo)
        kept = done | {work.point_id for work in todo}
        job.stale = tuple(point for point in known if point not in kept)
        if todo:
            yield from todo
        elif job.stale:
            remove_stale(self._store, job, self._tally)
            self._tally.written()
        else:
            self._tally.unchanged()

    def _done(self, stored: Known, wanted: Fingerprint) -> bool:
        return stored.is_done(wanted, keep_scenarios=self._keep_scenarios, repair=self._repair)


def of_tenant(profile: Profile, tenant: str, condition: Filter) -> Filter:
    """The filter for what fulfils a condition and, in an index of several tenants, is this one's."""
    if profile.tenant is None:
        return {"must": [condition]}
    return Tenant(field=profile.tenant, value=tenant).within(condition)


def grouped(items: Iterable[T], most: int, size: Callable[[T], int]) -> Iterator[list[T]]:
    """``grouped(documents, 128, lambda document: len(document.text))``: lists of at most ``most`` items.

    A list also ends where it holds more than ``_CHARS`` by ``size``. When the items break off with an
    error, those that came before it are yielded first.
    """
    group: list[T] = []
    weight = 0
    iterator = iter(items)
    while True:
        try:
            item = next(iterator, None)
        except AuguryError:
            if group:
                yield group
            raise
        if item is None:
            break
        group.append(item)
        weight += size(item)
        if len(group) >= most or weight > _CHARS:
            yield group
            group, weight = [], 0
    if group:
        yield group


def remove_stale(store: Store, job: Job, tally: Tally) -> None:
    """Delete what an earlier version of the document left in the index."""
    if job.stale:
        patiently(lambda: store.delete({"must": [{"has_id": list(job.stale)}]}))
        tally.add(passages_deleted=len(job.stale))
