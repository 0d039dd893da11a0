"""The fields that a filter reads, and whether the index can serve them.

A field without a payload index is read passage by passage: right, but slow in a large collection, and a
server in strict mode refuses it. A field that no passage has is mostly a slip of the pen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from ...errors import FilterError
from ...schemas.points import Filter
from ..store.base import Store
from ..store.filters import parse_filter

_SAMPLE = 100
_PREFIX = "metadata."


class FieldUse(NamedTuple):
    """A field as a condition reads it; ``excluded`` where the condition must not hold."""

    field: str
    kind: str
    value: Any
    excluded: bool


def fields_of(filter: Filter) -> list[FieldUse]:
    """``fields_of({"must": [{"key": "source", "match": {"value": "a"}}]})``: every field of a filter.

    Raises ``FilterError`` for a filter that cannot be understood.
    """
    parse_filter(filter)
    return list(dict.fromkeys(_uses(filter, "", excluded=False)))


def index_notes(filter: Filter, indexes: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence for each field of the filter that has no payload index, with the command that adds it."""
    kinds: dict[str, str] = {}
    for use in fields_of(filter):
        if use.field not in indexes and use.kind != "is_empty" and kinds.get(use.field) in (None, "keyword"):
            kinds[use.field] = _suited(use)
    return tuple(
        f"{field} has no payload index, so the filter reads every passage. Add one: "
        f"augury filter-field INDEX {field.removeprefix(_PREFIX)}:{kind}"
        for field, kind in kinds.items()
    )


class KnownFields:
    """``KnownFields(store, indexes).check(filter)``: notes on, or an error for, fields that nothing has."""

    def __init__(self, store: Store, indexes: Mapping[str, str]) -> None:
        self._store = store
        self._indexes = indexes
        self._seen: set[str] = set()

    def check(self, filter: Filter) -> list[str]:
        """A note for each field that no passage has, where the filter only excludes by it.

        Raises ``FilterError`` where the filter asks for it: it could find nothing.
        """
        notes: list[str] = []
        for use in fields_of(filter):
            if use.field in self._seen or use.field in self._indexes:
                continue
            if self._exists(use.field):
                self._seen.add(use.field)
                continue
            if not use.excluded:
                raise FilterError(f"No passage has a field {use.field!r}", self._advice(use.field))
            notes.append(f"No passage has a field {use.field!r}. {self._advice(use.field)}.")
        return notes

    def _exists(self, field: str) -> bool:
        having = {"must_not": [{"is_empty": {"key": field}}]}
        return any(self._store.scroll(having, payload=("doc_id",), batch=1))

    def _advice(self, field: str) -> str:
        found = metadata_fields(self._store, self._indexes)
        near = get_close_matches(field.removeprefix(_PREFIX), found, n=1)
        listed = ", ".join(found)
        if near:
            return f"Did you mean {near[0]}? There are {listed}"
        return f"Filter by one of {listed}" if found else "The documents of this index have no metadata"


def metadata_fields(store: Store, indexes: Mapping[str, str]) -> list[str]:
    """The indexed metadata fields, and those of some passages, as ``--where`` writes them."""
    records = next(iter(store.scroll(payload=("metadata",), batch=_SAMPLE)), [])
    names = {key for record in records for key in (record.payload.get("metadata") or {})}
    indexed = {name.removeprefix(_PREFIX) for name in indexes if name.startswith(_PREFIX)}
    return sorted(names | indexed)


def _uses(part: Any, prefix: str, *, excluded: bool) -> Iterator[FieldUse]:
    if isinstance(part, list | tuple):
        for each in part:
            yield from _uses(each, prefix, excluded=excluded)
        return
    if not isinstance(part, Mapping):
        return
    for name in ("must", "should", "must_not"):
        yield from _uses(part.get(name), prefix, excluded=excluded or name == "must_not")
    if isinstance(least := part.get("min_should"), Mapping):
        yield from _uses(least.get("conditions"), prefix, excluded=excluded)
    if isinstance(nested := part.get("nested"), Mapping):
        yield from _uses(nested.get("filter"), f"{prefix}{nested['key']}[].", excluded=excluded)
    for kind in ("is_empty", "is_null"):
        if isinstance(field := part.get(kind), Mapping):
            yield FieldUse(prefix + field["key"], "is_empty", None, excluded=True)
    if "key" in part:
        kind, given = next((name, value) for name, value in part.items() if name != "key" and value)
        yield FieldUse(prefix + part["key"], kind, _example(given), excluded)


def _example(given: Any) -> Any:
    """One value of a condition, hashable: it tells which kind of index would serve it."""
    value = next(iter(given.values()), None) if isinstance(given, Mapping) else given
    while isinstance(value, list | tuple) and value:
        value = value[0]
    return value if isinstance(value, str | int | float) else None


def _suited(use: FieldUse) -> str:
    """The kind of payload index that serves the condition."""
    if use.kind.startswith("geo"):
        return "geo"
    if use.kind == "range":
        return "datetime" if isinstance(use.value, str) else "float"
    if isinstance(use.value, bool):
        return "bool"
    return "integer" if isinstance(use.value, int) else "keyword"
