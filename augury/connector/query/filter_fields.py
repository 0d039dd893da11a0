"""The fields that a filter reads, and whether the index can serve them.

A field without a payload index is read passage by passage: right, but slow in a large collection, and a
server in strict mode refuses it. A field that no passage has is mostly a slip of the pen.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Any, NamedTuple

from ...errors import FilterError
from ...schemas.plan import Tenant
from ...schemas.points import Filter, Page, Record
from ...schemas.profile import Profile
from ..store.base import Store
from ..store.filters import parse_filter
from .steps import Look

_PREFIX = "metadata."
_TEXT_MATCHES = ("text", "text_any", "phrase")
_SERVE_TOO = (("integer", "float"), ("uuid", "keyword"))
"""An index of whole numbers serves ranges, one of UUIDs their matches."""
_WITHOUT_INDEX = ("is_empty", "is_null", "values_count")


class FieldUse(NamedTuple):
    """A field as a condition reads it.

    Attributes:
        kind: the payload index that would serve the condition; empty where it needs none.
        needed: whether no passage without the field can match the filter.
    """

    field: str
    kind: str
    needed: bool


def fields_of(filter: Filter) -> list[FieldUse]:
    """``fields_of({"must": [{"key": "source", "match": {"value": "a"}}]})``: every field of a filter.

    Raises ``FilterError`` for a filter that cannot be understood.
    """
    parse_filter(filter)
    return list(dict.fromkeys(_uses(filter, "", needed=True)))


def index_notes(filter: Filter, profile: Profile) -> tuple[str, ...]:
    """A sentence for each field that no payload index serves, with the command that adds one."""
    indexes, prefix = profile.payload_indexes, profile.payload.path(_PREFIX)
    wanted: dict[str, list[str]] = {}
    for use in fields_of(filter):
        if use.kind:
            wanted.setdefault(use.field, []).append(use.kind)
    notes = []
    for field, kinds in wanted.items():
        there = indexes.get(field)
        if there in kinds or any((there, kind) in _SERVE_TOO for kind in kinds):
            continue
        has = f"is indexed as {there}, which does not serve this" if there else "has no payload index"
        note = f"{field} {has}, so the filter reads every passage."
        if there is None and field.startswith(prefix):
            kind = next((kind for kind in kinds if kind != "keyword"), "keyword")
            note += f" Add one: augury filter-field INDEX {field.removeprefix(prefix)}:{kind}"
        notes.append(note)
    return tuple(notes)


Checking = Generator[Look, Page, list[str]]


class KnownFields:
    """``notes = yield from KnownFields(profile).check(filter)``: notes on fields that nothing has."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._seen: set[tuple[str, Tenant | None]] = set()

    def check(self, filter: Filter, tenant: Tenant | None = None) -> Checking:
        """A note for each field that no passage has, as far as the filter may match all the same.

        Yields what has to be looked up, and is sent what was found. Only the tenant's passages are looked at,
        where there are tenants: what others have is theirs to know.
        Raises ``FilterError`` where it cannot, unless the field is indexed: then passages that have it are
        expected.
        """
        notes: list[str] = []
        for use in fields_of(filter):
            if (use.field, tenant) in self._seen:
                continue
            having: Filter = {"must_not": [{"is_empty": {"key": use.field}}]}
            try:
                there = (yield Look(tenant.within(having) if tenant else having, False, 1)).records
            except FilterError:  # in strict mode the search itself says which index it lacks
                continue
            if there:
                self._seen.add((use.field, tenant))
                continue
            what = f"No passage has a field {use.field!r}"
            around = _around(self._profile, tenant.within() if tenant else None)
            advice = self._advice(use.field, (yield around).records)
            if use.needed and use.field not in self._profile.payload_indexes:
                raise FilterError(what, advice)
            notes.append(f"{what}. {advice}.")
        return list(dict.fromkeys(notes))

    def _advice(self, field: str, records: list[Record]) -> str:
        name = field.removeprefix(self._profile.payload.path(_PREFIX))
        found = [known for known in _names(records, self._profile) if known != name]
        near = get_close_matches(name, found, n=1)
        listed = ", ".join(found)
        if near:
            return f"Did you mean {near[0]}? There are {listed}"
        return f"Filter by one of {listed}" if found else "The documents of this index have no metadata"


def metadata_fields(store: Store, profile: Profile, among: Filter | None = None) -> list[str]:
    """The indexed metadata fields, and those of some passages, as ``--where`` writes them.

    Args:
        among: only passages that match are looked at.
    """
    look = _around(profile, among)
    return _names(store.page(look.filter, payload=look.payload, batch=look.limit).records, profile)


def _around(profile: Profile, among: Filter | None) -> Look:
    return Look(among, profile.payload.keys("metadata") or True, 100)


def _names(records: list[Record], profile: Profile) -> list[str]:
    layout = profile.payload
    names = {key for record in records for key in layout.metadata_of(record.payload)}
    prefix = layout.path(_PREFIX)
    indexed = {name.removeprefix(prefix) for name in profile.payload_indexes if name.startswith(prefix)}
    return sorted(names | indexed)


def _uses(part: Any, prefix: str, *, needed: bool) -> Iterator[FieldUse]:
    """``needed``: whether every condition of this part must hold."""
    if isinstance(part, list | tuple):
        for each in part:
            yield from _uses(each, prefix, needed=needed)
        return
    if not isinstance(part, Mapping):
        return
    yield from _uses(part.get("must"), prefix, needed=needed)
    should = part.get("should")
    alone = isinstance(should, Mapping) or (isinstance(should, list | tuple) and _same_field(should))
    yield from _uses(should, prefix, needed=needed and alone)
    yield from _uses(part.get("must_not"), prefix, needed=False)
    if isinstance(least := part.get("min_should"), Mapping):
        yield from _uses(least.get("conditions"), prefix, needed=False)
    if isinstance(nested := part.get("nested"), Mapping):
        inside = f"{prefix}{nested['key'].removesuffix('[]')}[]."
        yield from _uses(nested.get("filter"), inside, needed=needed)
    for name in ("is_empty", "is_null"):
        if isinstance(field := part.get(name), Mapping):
            yield FieldUse(prefix + field["key"], "", needed=False)
    if "key" in part:
        kind, given = next(pair for pair in part.items() if pair[0] != "key" and pair[1] is not None)
        yield FieldUse(prefix + part["key"], _suited(kind, given), needed and kind not in _WITHOUT_INDEX)


def _same_field(conditions: list[Any] | tuple[Any, ...]) -> bool:
    """Whether all of them read one field, as ``year=2020`` does, which is the number or the text."""
    keys = {each.get("key") if isinstance(each, Mapping) else None for each in conditions}
    return len(keys) == 1 and None not in keys


def _suited(kind: str, given: Any) -> str:
    """The kind of payload index that serves a condition; empty where it needs none."""
    if kind in _WITHOUT_INDEX:
        return ""
    if kind.startswith("geo"):
        return "geo"
    if isinstance(given, Mapping) and any(name in given for name in _TEXT_MATCHES):
        return "text"
    value = next((value for value in given.values() if value is not None), None)
    while isinstance(value, list | tuple) and value:
        value = value[0]
    if kind == "range":
        return "datetime" if isinstance(value, str | date) else "float"
    if isinstance(value, bool):
        return "bool"
    return "integer" if isinstance(value, int) else "keyword"
