"""Every kind of filter, on every store, against plain Python over the same payloads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from augury.connector.store.base import Store
from augury.schemas.collection import CollectionSpec, VectorSpec
from augury.schemas.points import Filter, Point

Payload = dict[str, Any]
_SOURCES = ("manual", "wiki", "Ångström", "augury:true")


def _payload(i: int) -> Payload:
    payload: Payload = {
        "number": i,
        "half": i / 2,
        "source": _SOURCES[i % 4],
        "tags": [f"t{j}" for j in range(i % 4)],
        "flag": i % 3 == 0,
        "flags": [i % 2 == 0, i % 5 == 0],
        "meta": {"public": i % 4 == 1, "year": 2000 + i},
        "by": [{"name": "Li", "born": 1900 + i, "alive": i % 2 == 0}, {"name": "Ada", "born": 1815}],
        "place": {"lon": i - 20.0, "lat": (i % 10) * 1.0},
        "when": datetime(2024, 1 + i % 12, 1 + i % 28, 12, tzinfo=UTC).isoformat(),
        "text": f"the {'quick' if i % 2 else 'lazy'} fox number {i}",
    }
    if i % 5 == 0:
        del payload["source"]
    if i % 7 == 0:
        payload["source"] = None
    if i % 6 == 0:
        del payload["flag"]
    return payload


PAYLOADS = {i: _payload(i) for i in range(60)}


def _born(person: Payload, after: int) -> bool:
    return bool(person["born"] > after)


def _in_box(place: Payload) -> bool:
    return bool(-10 <= place["lon"] <= 10 and 2 <= place["lat"] <= 6)


def _metres(place: Payload, lon: float, lat: float) -> float:
    a, b, c, d = np.radians([place["lat"], lat, place["lon"], lon])
    h = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin((d - c) / 2) ** 2
    return float(2 * 6371e3 * np.arcsin(np.sqrt(h)))


def _month(payload: Payload) -> datetime:
    return datetime.fromisoformat(payload["when"])


def _key(key: str, **condition: Any) -> Payload:
    return {"key": key, **condition}


def _value(key: str, value: Any) -> Payload:
    return _key(key, match={"value": value})


CASES: dict[str, tuple[Filter, Callable[[Payload], bool]]] = {
    "value text": ({"must": [_value("source", "manual")]}, lambda p: p.get("source") == "manual"),
    "value unicode": ({"must": [_value("source", "Ångström")]}, lambda p: p.get("source") == "Ångström"),
    "value reserved": (
        {"must": [_value("source", "augury:true")]},
        lambda p: p.get("source") == "augury:true",
    ),
    "value integer": ({"must": [_value("number", 7)]}, lambda p: p["number"] == 7),
    "value in list": ({"must": [_value("tags", "t1")]}, lambda p: "t1" in p["tags"]),
    "value nested path": ({"must": [_value("meta.year", 2010)]}, lambda p: p["meta"]["year"] == 2010),
    "true": ({"must": [_value("flag", True)]}, lambda p: p.get("flag") is True),
    "false": ({"must": [_value("flag", False)]}, lambda p: p.get("flag") is False),
    "not true": ({"must_not": [_value("flag", True)]}, lambda p: p.get("flag") is not True),
    "true in list": ({"must": [_value("flags", True)]}, lambda p: True in p["flags"]),
    "true in object": ({"must": [_value("meta.public", True)]}, lambda p: p["meta"]["public"]),
    "true in list of objects": (
        {"must": [_value("by[].alive", True)]},
        lambda p: any(who.get("alive") for who in p["by"]),
    ),
    "integer is not true": ({"must": [_value("flag", 1)]}, lambda p: False),
    "any": ({"must": [_key("number", match={"any": [1, 2, 99]})]}, lambda p: p["number"] in (1, 2)),
    "any text": (
        {"must": [_key("source", match={"any": ["wiki", "augury:true"]})]},
        lambda p: p.get("source") in ("wiki", "augury:true"),
    ),
    "except": (
        {"must": [_key("source", match={"except": ["wiki", "augury:true"]})]},
        lambda p: p.get("source") in ("manual", "Ångström"),
    ),
    "except in list": (
        {"must": [_key("tags", match={"except": ["t0"]})]},
        lambda p: any(tag != "t0" for tag in p["tags"]),
    ),
    "text": ({"must": [_key("text", match={"text": "quick"})]}, lambda p: "quick" in p["text"]),
    "phrase": ({"must": [_key("text", match={"phrase": "lazy fox"})]}, lambda p: "lazy fox" in p["text"]),
    "prefix": (
        {"must": [_key("source", match={"prefix": "ma"})]},
        lambda p: (p.get("source") or "").startswith("ma"),
    ),
    "range": ({"must": [_key("number", range={"gte": 10, "lt": 20})]}, lambda p: 10 <= p["number"] < 20),
    "float range": ({"must": [_key("half", range={"gt": 3.5, "lte": 7})]}, lambda p: 3.5 < p["half"] <= 7),
    "datetime range": (
        {"must": [_key("when", range={"gte": "2024-03-05T12:00:00Z", "lt": "2024-07-01"})]},
        lambda p: datetime(2024, 3, 5, 12, tzinfo=UTC) <= _month(p) < datetime(2024, 7, 1, tzinfo=UTC),
    ),
    "geo box": (
        {
            "must": [
                _key(
                    "place",
                    geo_bounding_box={
                        "top_left": {"lon": -10.5, "lat": 6.5},
                        "bottom_right": {"lon": 10.5, "lat": 1.5},
                    },
                )
            ]
        },
        lambda p: _in_box(p["place"]),
    ),
    "geo radius": (
        {"must": [_key("place", geo_radius={"center": {"lon": 0, "lat": 3}, "radius": 600_000})]},
        lambda p: _metres(p["place"], 0, 3) < 600_000,
    ),
    "geo polygon": (
        {
            "must": [
                _key(
                    "place",
                    geo_polygon={
                        "exterior": {
                            "points": [
                                {"lon": -10.5, "lat": 1.5},
                                {"lon": 10.5, "lat": 1.5},
                                {"lon": 10.5, "lat": 6.5},
                                {"lon": -10.5, "lat": 6.5},
                                {"lon": -10.5, "lat": 1.5},
                            ]
                        }
                    },
                )
            ]
        },
        lambda p: _in_box(p["place"]),
    ),
    "values count": ({"must": [_key("tags", values_count={"gte": 2})]}, lambda p: len(p["tags"]) >= 2),
    "values count of none": ({"must": [_key("tags", values_count={"lt": 1})]}, lambda p: not p["tags"]),
    "is_empty": ({"must": [{"is_empty": {"key": "source"}}]}, lambda p: p.get("source") is None),
    "is_empty list": ({"must": [{"is_empty": {"key": "tags"}}]}, lambda p: not p["tags"]),
    "is_null": ({"must": [{"is_null": {"key": "source"}}]}, lambda p: "source" in p and p["source"] is None),
    "has_id": ({"must": [{"has_id": [3, 5, 999]}]}, lambda p: p["number"] in (3, 5)),
    "has no id": ({"must": [{"has_id": []}]}, lambda p: False),
    "has_vector": ({"must": [{"has_vector": "extra"}]}, lambda p: p["number"] % 3 == 0),
    "nested": (
        {
            "must": [
                {
                    "nested": {
                        "key": "by",
                        "filter": {"must": [_value("name", "Li"), _key("born", range={"gt": 1930})]},
                    }
                }
            ]
        },
        lambda p: any(who["name"] == "Li" and _born(who, 1930) for who in p["by"]),
    ),
    "nested boolean": (
        {"must": [{"nested": {"key": "by", "filter": {"must": [_value("alive", False)]}}}]},
        lambda p: any(who.get("alive") is False for who in p["by"]),
    ),
    "should": (
        {"should": [_value("number", 1), _value("source", "wiki")]},
        lambda p: p["number"] == 1 or p.get("source") == "wiki",
    ),
    "must and must_not": (
        {"must": [_key("number", range={"lt": 30})], "must_not": [_value("tags", "t0")]},
        lambda p: p["number"] < 30 and "t0" not in p["tags"],
    ),
    "min_should": (
        {
            "min_should": {
                "conditions": [_value("flag", True), _value("tags", "t0"), _key("number", range={"lt": 20})],
                "min_count": 2,
            }
        },
        lambda p: sum([p.get("flag") is True, "t0" in p["tags"], p["number"] < 20]) >= 2,
    ),
    "a filter inside": (
        {"must": [{"should": [_value("number", 1), {"must": [_value("number", 2), _value("tags", "t1")]}]}]},
        lambda p: p["number"] in (1, 2),
    ),
    "a condition without its list": ({"must": _value("number", 4)}, lambda p: p["number"] == 4),
    "nothing": ({}, lambda p: True),
}


def _filled(store: Store, *, indexed: bool) -> Store:
    spec = CollectionSpec(vectors={"dense": VectorSpec(size=2), "extra": VectorSpec(size=2)})
    if indexed:
        kinds: Any = {
            "number": "integer",
            "half": "float",
            "source": "keyword",
            "tags": "keyword",
            "flag": "bool",
            "flags": "bool",
            "meta.public": "bool",
            "place": "geo",
            "when": "datetime",
            "text": "text",
        }
        spec = spec.model_copy(update={"indexes": kinds})
    store.ensure(spec)
    vector = np.ones(2, dtype=np.float32)
    store.upsert(
        [
            Point(i, {"dense": vector} | ({"extra": vector} if i % 3 == 0 else {}), payload)
            for i, payload in PAYLOADS.items()
        ]
    )
    return store


@pytest.mark.parametrize("indexed", [False, True], ids=["plain", "indexed"])
def test_filters_match_what_python_matches(store: Store, indexed: bool) -> None:
    _filled(store, indexed=indexed)
    wrong = {}
    for name, (condition, matches) in CASES.items():
        expected = {i for i, payload in PAYLOADS.items() if matches(payload)}
        found = {record.id for batch in store.scroll(condition) for record in batch}
        if found != expected:
            wrong[name] = (sorted(found - expected, key=str), sorted(expected - found))
        assert store.count(condition) == len(found), name
    assert not wrong


def test_every_filter_but_two_matches_some_and_leaves_some() -> None:
    for name, (_, matches) in CASES.items():
        found = sum(matches(payload) for payload in PAYLOADS.values())
        assert (0 < found < len(PAYLOADS)) == (name not in ("integer is not true", "has no id", "nothing")), (
            name
        )


def test_text_any_matches_one_of_the_words(store: Store) -> None:
    _filled(store, indexed=True)
    assert store.count({"must": [{"key": "text", "match": {"text_any": "quick nothing"}}]}) == 30
