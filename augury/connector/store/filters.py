"""Filters in Qdrant's JSON form: checked by hand, because one readable sentence is worth more than twenty.

``parse_filter({"must": [{"key": "metadata.year", "range": {"gte": 2020}}]})`` gives the
``qdrant_client.models.Filter`` that a server takes, or raises ``FilterError``; ``edge_filters.to_edge``
turns that into the filter of the embedded engine. qdrant_client is imported where it is first used: a
search without a filter in an embedded index never pays for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, NoReturn, cast

from ...errors import FilterError
from ...schemas.points import Filter
from .check import canonical_id

if TYPE_CHECKING:
    from qdrant_client import models

_CLAUSES = ("must", "should", "must_not")
_BOUNDS = ("gt", "gte", "lt", "lte")
_EXAMPLE = '{"must": [{"key": "metadata.year", "range": {"gte": 2020}}]}'
_EXAMPLES = {
    "match": '{"key": "source", "match": {"value": "manual"}}',
    "range": '{"key": "metadata.year", "range": {"gte": 2020, "lt": 2024}}',
    "geo_radius": '{"key": "place", "geo_radius": {"center": {"lon": 13.4, "lat": 52.5}, "radius": 1000}}',
    "geo_bounding_box": '{"key": "place", "geo_bounding_box": {"top_left": {"lon": 13, "lat": 53}, '
    '"bottom_right": {"lon": 14, "lat": 52}}}',
    "geo_polygon": '{"key": "place", "geo_polygon": {"exterior": {"points": [{"lon": 0, "lat": 0}, '
    '{"lon": 1, "lat": 0}, {"lon": 1, "lat": 1}, {"lon": 0, "lat": 0}]}}}',
    "values_count": '{"key": "tags", "values_count": {"gte": 2}}',
    "is_empty": '{"is_empty": {"key": "tags"}}',
    "is_null": '{"is_null": {"key": "tags"}}',
    "has_id": '{"has_id": [1, 2]}',
    "has_vector": '{"has_vector": "dense"}',
    "nested": '{"nested": {"key": "by", "filter": {"must": [{"key": "born", "range": {"gt": 1900}}]}}}',
    "min_should": '{"min_should": {"conditions": [{"key": "a", "match": {"value": 1}}], "min_count": 1}}',
}


def parse_filter(filter: Filter) -> models.Filter:
    """``parse_filter({"must": [...]})``: the checked filter. ``{}`` matches everything.

    Raises ``FilterError`` for unknown keys and wrong shapes.
    """
    return _filter(filter, "The filter")


def parse_deletion(filter: Filter) -> models.Filter:
    """The same for a filter that says what to delete; one that every point matches raises ``FilterError``."""
    parsed = parse_filter(filter)
    if not _has_condition(parsed):
        raise FilterError(
            "A filter without conditions would delete every point", f"Name what to delete, like {_EXAMPLE}"
        )
    return parsed


def _has_condition(parsed: models.Filter) -> bool:
    from qdrant_client import models

    clauses: list[Any] = [parsed.must, parsed.should, parsed.must_not]
    clauses.append(parsed.min_should.conditions if parsed.min_should else None)
    parts = [part for clause in clauses for part in clause or []]
    return any(not isinstance(part, models.Filter) or _has_condition(part) for part in parts)


def _refuse(what: str, kind: str = "") -> NoReturn:
    raise FilterError(what, f"Write it like {_EXAMPLES.get(kind, _EXAMPLE)}")


def _object(value: object, where: str, keys: tuple[str, ...], kind: str = "") -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        _refuse(f"{where} is {value!r}, not an object", kind)
    unknown = [str(key) for key in value if key not in keys]
    if unknown:
        _refuse(f"{where} has the unknown key {unknown[0]!r}; it takes {', '.join(keys)}", kind)
    return cast("Mapping[str, Any]", value)


def _filter(value: object, where: str) -> models.Filter:
    from qdrant_client import models

    parts = _object(value, where, (*_CLAUSES, "min_should"))
    clauses = {name: _conditions(parts[name], name) for name in _CLAUSES if parts.get(name) is not None}
    least = None
    if parts.get("min_should") is not None:
        given = _object(parts["min_should"], "min_should", ("conditions", "min_count"), "min_should")
        count = given.get("min_count")
        if isinstance(count, bool) or not isinstance(count, int) or count < 0 or "conditions" not in given:
            _refuse("min_should needs a list of conditions and a min_count from 0", "min_should")
        least = models.MinShould(conditions=_conditions(given["conditions"], "min_should"), min_count=count)
    return models.Filter(**clauses, min_should=least)


def _conditions(value: object, where: str) -> list[Any]:
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list | tuple):
        _refuse(f"{where} is {value!r}, not a list of conditions")
    return [_condition(part, where) for part in value]


def _condition(value: object, where: str) -> models.Condition:
    from qdrant_client import models

    if not isinstance(value, Mapping) or not value:
        _refuse(f"A condition of {where} is {value!r}, not an object")
    if any(key in (*_CLAUSES, "min_should") for key in value):
        return _filter(value, f"A filter inside {where}")
    if "key" in value:
        return _field(value)
    kind, given = next(iter(value.items()))
    if kind not in ("is_empty", "is_null", "has_id", "has_vector", "nested"):
        _refuse(f"A condition of {where} has the unknown key {kind!r} and no 'key'")
    _object(value, f"A {kind} condition", (kind,), kind)
    if kind == "has_id":
        return models.HasIdCondition(has_id=cast(Any, _ids(given)))
    if kind == "has_vector":
        if not isinstance(given, str):
            _refuse(f"has_vector is {given!r}, not the name of a vector", kind)
        return models.HasVectorCondition(has_vector=given)
    if kind == "nested":
        inner = _object(given, "nested", ("key", "filter"), kind)
        if not inner.get("filter"):
            _refuse("nested has no filter", kind)
        return models.NestedCondition(
            nested=models.Nested(key=_key(inner, kind), filter=_filter(inner["filter"], "The nested filter"))
        )
    field = models.PayloadField(key=_key(_object(given, kind, ("key",), kind), kind))
    if kind == "is_empty":
        return models.IsEmptyCondition(is_empty=field)
    return models.IsNullCondition(is_null=field)


def _ids(value: object) -> list[int | str]:
    if not isinstance(value, list | tuple | set):
        _refuse(f"has_id is {value!r}, not a list of ids", "has_id")
    try:
        return [canonical_id(item) for item in value]
    except ValueError as error:
        _refuse(f"An id in has_id {error}", "has_id")


def _key(value: Mapping[str, Any], kind: str) -> str:
    key = value.get("key")
    if not isinstance(key, str) or not key:
        _refuse(f"The key of a condition is {key!r}, not the path of a payload field", kind)
    return key


def _field(value: Mapping[str, Any]) -> models.FieldCondition:
    from qdrant_client import models

    key = _key(value, "match")
    given = _object(value, f"The condition on {key!r}", ("key", *_FIELD_KINDS))
    kinds = [kind for kind in _FIELD_KINDS if given.get(kind) is not None]
    if len(kinds) != 1:
        _refuse(f"The condition on {key!r} needs exactly one of {', '.join(_FIELD_KINDS)}")
    kind = kinds[0]
    return models.FieldCondition(
        **{"key": key, kind: _FIELD_KINDS[kind](given[kind], f"The {kind} of {key!r}")}
    )


def _match(value: object, where: str) -> Any:
    from qdrant_client import models

    kinds: dict[str, Any] = {
        "value": models.MatchValue,
        "any": models.MatchAny,
        "except": models.MatchExcept,
        "text": models.MatchText,
        "text_any": models.MatchTextAny,
        "phrase": models.MatchPhrase,
        "prefix": models.MatchPrefix,
        "substring": models.MatchSubstring,
    }
    given = _object(value, where, tuple(kinds), "match")
    if len(given) != 1:
        _refuse(f"{where} needs exactly one of {', '.join(kinds)}", "match")
    kind, wanted = next(iter(given.items()))
    if kind == "value":
        if not isinstance(wanted, bool | int | str):
            _refuse(
                f"{where} is {wanted!r}, not text, a whole number or a boolean (for others use range)",
                "match",
            )
    elif kind in ("any", "except"):
        if not isinstance(wanted, list | tuple) or not _same_kind(wanted):
            _refuse(f"{where} is {wanted!r}, not a list of only texts or only whole numbers", "match")
        wanted = list(wanted)
    elif not isinstance(wanted, str):
        _refuse(f"{where} is {wanted!r}, not text", "match")
    return kinds[kind](**{kind: wanted})


def _same_kind(values: list[object] | tuple[object, ...]) -> bool:
    texts = all(isinstance(value, str) for value in values)
    return texts or all(isinstance(value, int) and not isinstance(value, bool) for value in values)


def _range(value: object, where: str) -> models.Range | models.DatetimeRange:
    from pydantic import ValidationError
    from qdrant_client import models

    given = _object(value, where, _BOUNDS, "range")
    bounds = {name: bound for name, bound in given.items() if bound is not None}
    if bounds and all(_number(bound) for bound in bounds.values()):
        return models.Range(**bounds)
    if bounds and all(isinstance(bound, str | date) for bound in bounds.values()):
        try:
            return models.DatetimeRange(**bounds)
        except ValidationError:
            _refuse(f"{where} holds a text that is no date", "range")
    _refuse(f"{where} needs bounds that are all numbers or all dates", "range")


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _count(value: object, where: str) -> models.ValuesCount:
    from qdrant_client import models

    given = _object(value, where, _BOUNDS, "values_count")
    if not given or not all(
        isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in given.values()
    ):
        _refuse(f"{where} needs bounds that are whole numbers from 0", "values_count")
    return models.ValuesCount(**given)


def _geo(kind: str) -> Callable[[object, str], Any]:
    def parse(value: object, where: str) -> Any:
        from pydantic import ValidationError
        from qdrant_client import models

        model: Any = {
            "geo_radius": models.GeoRadius,
            "geo_bounding_box": models.GeoBoundingBox,
            "geo_polygon": models.GeoPolygon,
        }[kind]
        try:
            return model.model_validate(value)
        except ValidationError as error:
            spot = ".".join(str(part) for part in error.errors()[0]["loc"])
            _refuse(f"{where} has a wrong or missing {spot or 'object'}", kind)

    return parse


def _flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        _refuse(f"{where} is {value!r}, not true or false", "is_empty")
    return value


_FIELD_KINDS: dict[str, Callable[[object, str], Any]] = {
    "match": _match,
    "range": _range,
    "geo_bounding_box": _geo("geo_bounding_box"),
    "geo_radius": _geo("geo_radius"),
    "geo_polygon": _geo("geo_polygon"),
    "values_count": _count,
    "is_empty": _flag,
    "is_null": _flag,
}
