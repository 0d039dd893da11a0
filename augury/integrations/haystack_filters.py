"""Haystack's filters as Qdrant's: ``qdrant_filter({"field": "meta.year", "operator": ">=", "value": 2020})``.

The form is that of https://docs.haystack.deepset.ai/docs/metadata-filtering.
"""

from __future__ import annotations

from typing import Any

from ..connector.query.where import OWN_FIELDS
from ..errors import FilterError
from ..schemas.points import Filter

_RANGE = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
_CLAUSE = {"AND": "must", "OR": "should"}


def qdrant_filter(filters: dict[str, Any]) -> Filter:
    """A Haystack filter as a Qdrant one; what has no ``operator`` is taken for Qdrant's own.

    ``meta.year`` and ``year`` are ``metadata.year``; ``meta.doc_id`` and the other fields of Augury's own are
    those. Raises ``FilterError``.
    """
    if "operator" not in filters:
        return filters
    operator = str(filters["operator"])
    if operator in ("AND", "OR", "NOT"):
        conditions = filters.get("conditions")
        if not isinstance(conditions, list) or not all(isinstance(each, dict) for each in conditions):
            raise _refused(filters, "has no list of conditions")
        inner = [qdrant_filter(each) for each in conditions]
        return {"must_not": [{"must": inner}]} if operator == "NOT" else {_CLAUSE[operator]: inner}
    if not {"field", "value"} <= filters.keys():
        raise _refused(filters, "lacks its field or its value")
    return _compared(_path(str(filters["field"])), operator, filters["value"], filters)


def _compared(path: str, operator: str, value: Any, filters: dict[str, Any]) -> Filter:
    if operator in _RANGE:
        return {"must": [{"key": path, "range": {_RANGE[operator]: value}}]}
    if operator in ("in", "not in"):
        if not isinstance(value, list):
            raise _refused(filters, f"compares by {operator!r} with what is no list")
        found: Filter = {"should": [_equal(path, each) for each in value]}
        if not value:
            raise _refused(filters, "compares with an empty list")
        return found if operator == "in" else {"must_not": [found]}
    if operator in ("==", "!="):
        return {"must" if operator == "==" else "must_not": [_equal(path, value)]}
    raise _refused(filters, f"has the operator {operator!r}, which is none of Haystack's")


def _equal(path: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {"is_empty": {"key": path}}
    if isinstance(value, float):
        return {"key": path, "range": {"gte": value, "lte": value}}
    return {"key": path, "match": {"value": value}}


def _path(field: str) -> str:
    name = field.removeprefix("meta.")
    return name if name in OWN_FIELDS or name.startswith("metadata.") else f"metadata.{name}"


def _refused(filters: dict[str, Any], what: str) -> FilterError:
    return FilterError(
        f"The filter {str(filters)[:200]} {what}",
        'Write it as {"field": "meta.year", "operator": ">=", "value": 2020}, or as a Qdrant filter',
    )
