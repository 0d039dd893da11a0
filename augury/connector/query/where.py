"""``--where year>=2020``: simple conditions as a Qdrant filter."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from ...errors import FilterError
from ...schemas.payload_layout import PayloadLayout
from ...schemas.points import Filter

_CLAUSE = re.compile(r"^\s*([^\s<>=!]+)\s*(!=|>=|<=|=|>|<)\s*(.*?)\s*$", re.DOTALL)
_RANGE = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
_DATE = re.compile(r"^\d{4}-\d\d-\d\d(?:[T ].*)?$")
OWN_FIELDS = frozenset({"doc_id", "chunk", "chunks", "title", "text", "source", "scenario_state"})
"""Payload fields that are Augury's own; any other name is looked for in the user's metadata."""


def where(
    clauses: Iterable[str], base: Filter | None = None, *, layout: PayloadLayout | None = None
) -> Filter | None:
    """``where(["year>=2020", "subject=astronomy"])``: all must hold, and ``base`` too when given.

    A clause is ``key=value``, ``key!=value`` or ``key`` with ``<``, ``<=``, ``>``, ``>=`` and a number or
    an ISO date. ``key`` is a field of the metadata, dots lead inward. ``year=2020`` matches the number
    and the text alike. ``layout`` is that of an index with payload
    keys of its own: ``index.profile.payload``. Raises ``FilterError`` for anything else.
    """
    must: list[Any] = [base] if base else []
    must_not: list[Any] = []
    for clause in clauses:
        parsed = _CLAUSE.match(clause)
        if any("\ud800" <= char <= "\udfff" for char in clause):
            raise FilterError(
                f"--where {clause!r} is not valid Unicode", "Type it in a terminal that uses UTF-8"
            )
        if not parsed or not parsed[3] or parsed[3][0] in "=<>":
            raise FilterError(
                f"--where {clause!r} is no condition", "Write it as key=value, key!=value or key>=number"
            )
        key, operator, value = parsed.groups()
        field = key if key in OWN_FIELDS or key.startswith("metadata.") else f"metadata.{key}"
        path = layout.path(field) if layout else field
        if operator in _RANGE:
            must.append({"key": path, "range": {_RANGE[operator]: _bound(clause, value)}})
        else:
            (must if operator == "=" else must_not).append(_equals(path, value))
    found: Filter = {}
    if must:
        found["must"] = must
    if must_not:
        found["must_not"] = must_not
    return found or None


def _equals(path: str, value: str) -> dict[str, Any]:
    choices: list[dict[str, Any]] = [{"key": path, "match": {"value": value}}]
    try:
        literal = json.loads(value)
    except (ValueError, RecursionError):
        literal = value
    if isinstance(literal, bool) or (isinstance(literal, int) and -(2**63) <= literal < 2**63):
        choices.append({"key": path, "match": {"value": literal}})
    elif isinstance(literal, float):
        choices.append({"key": path, "range": {"gte": literal, "lte": literal}})
    elif isinstance(literal, str) and literal != value:  # written in quotes: the text and nothing else
        choices = [{"key": path, "match": {"value": literal}}]
    return choices[0] if len(choices) == 1 else {"should": choices}


def _bound(clause: str, value: str) -> float | str:
    if _DATE.match(value):
        return value
    try:
        return float(value)
    except ValueError:
        raise FilterError(
            f"--where {clause!r} compares with {value!r}, which is neither a number nor an ISO date",
            "Compare with a number, or with a date such as 2020-01-31",
        ) from None
