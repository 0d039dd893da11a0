"""``to_edge(parse_filter({...}))``: a checked filter as the embedded engine takes it.

The engine wants a set of ids where the client has a list, ISO text where the client has datetimes, and
matches no booleans; see ``sentinels`` for those.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import qdrant_edge as edge
from qdrant_client import models

from ...errors import Unsupported
from .check import canonical_id
from .sentinels import encode


def to_edge(filter: models.Filter) -> edge.Filter:
    """``to_edge(parse_filter(...))``: the same filter for the embedded engine.

    Booleans and reserved texts are translated as ``sentinels.encode`` stores them. Raises ``Unsupported``
    for a condition that only a server knows.
    """

    def clause(given: Any) -> list[Any] | None:
        if given is None:
            return None
        return [_edge_condition(part) for part in (given if isinstance(given, list) else [given])]

    least = filter.min_should
    return edge.Filter(
        must=clause(filter.must),
        should=clause(filter.should),
        must_not=clause(filter.must_not),
        min_should=edge.MinShould(clause(least.conditions) or [], least.min_count) if least else None,
    )


def _edge_condition(part: models.Condition) -> edge.ConditionType:
    match part:
        case models.Filter():
            return to_edge(part)
        case models.FieldCondition():
            return _edge_field(part)
        case models.IsEmptyCondition():
            return edge.IsEmptyCondition(part.is_empty.key)
        case models.IsNullCondition():
            return edge.IsNullCondition(part.is_null.key)
        case models.HasIdCondition():
            return edge.HasIdCondition({canonical_id(item) for item in part.has_id})
        case models.HasVectorCondition():
            return edge.HasVectorCondition(part.has_vector)
        case models.NestedCondition():
            return edge.NestedCondition(part.nested.key, to_edge(part.nested.filter))
    raise Unsupported(
        f"The embedded engine has no {type(part).__name__}", "Rewrite the filter, or use a Qdrant server"
    )


def _edge_field(part: models.FieldCondition) -> edge.FieldCondition:
    box, circle, polygon, count = part.geo_bounding_box, part.geo_radius, part.geo_polygon, part.values_count
    return edge.FieldCondition(
        part.key,
        match=None if part.match is None else _edge_match(part.match),
        range=None if part.range is None else _edge_range(part.range),
        geo_bounding_box=edge.GeoBoundingBox(_edge_spot(box.top_left), _edge_spot(box.bottom_right))
        if box
        else None,
        geo_radius=edge.GeoRadius(_edge_spot(circle.center), circle.radius) if circle else None,
        geo_polygon=edge.GeoPolygon(
            [_edge_spot(spot) for spot in polygon.exterior.points],
            [[_edge_spot(spot) for spot in ring.points] for ring in polygon.interiors or []],
        )
        if polygon
        else None,
        values_count=edge.ValuesCount(lt=count.lt, gt=count.gt, lte=count.lte, gte=count.gte)
        if count
        else None,
        is_empty=part.is_empty,
        is_null=part.is_null,
    )


def _edge_match(match_: models.Match) -> edge.MatchType:
    match match_:
        case models.MatchValue():
            return edge.MatchValue(encode(match_.value))
        case models.MatchAny():
            return edge.MatchAny(encode(match_.any))
        case models.MatchExcept():
            return edge.MatchExcept(encode(match_.except_))
        case models.MatchText():
            return edge.MatchText(match_.text)
        case models.MatchTextAny():
            return edge.MatchTextAny(match_.text_any)
        case models.MatchPhrase():
            return edge.MatchPhrase(match_.phrase)
        case models.MatchPrefix():
            return edge.MatchPrefix(match_.prefix)
        case models.MatchSubstring():
            return edge.MatchSubstring(match_.substring)


def _edge_range(range_: models.Range | models.DatetimeRange) -> edge.RangeType:
    if isinstance(range_, models.Range):
        return edge.RangeFloat(gte=range_.gte, gt=range_.gt, lte=range_.lte, lt=range_.lt)
    return edge.RangeDateTime(
        gte=_moment(range_.gte), gt=_moment(range_.gt), lte=_moment(range_.lte), lt=_moment(range_.lt)
    )


def _moment(value: datetime | date | None) -> str | None:
    if value is None:
        return None
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)  # what Qdrant assumes of a time without a zone
    return value.isoformat()


def _edge_spot(spot: models.GeoPoint) -> edge.GeoPoint:
    return edge.GeoPoint(spot.lon, spot.lat)
