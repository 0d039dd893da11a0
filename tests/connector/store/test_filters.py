"""Filters are refused in one sentence with an example, and translated for the embedded engine."""

from __future__ import annotations

import ast
from datetime import date, datetime
from typing import Any

import pytest
import qdrant_edge
from qdrant_client import models

from augury.connector.store.edge_filters import to_edge
from augury.connector.store.filters import parse_filter
from augury.errors import FilterError, Unsupported


def _key(**condition: Any) -> dict[str, Any]:
    return {"must": [{"key": "a", **condition}]}


WRONG: list[tuple[Any, str]] = [
    (["must"], "is .*not an object"),
    ({"musst": []}, "unknown key 'musst'"),
    ({"must": "a"}, "not a list"),
    ({"must": ["a"]}, "'a', not an object"),
    ({"must": [{}]}, "not an object"),
    ({"must": [{"field": "a"}]}, "unknown key 'field'"),
    (_key(), "exactly one of"),
    (_key(match={"value": 1}, range={"gt": 1}), "exactly one of"),
    (_key(equals=1), "unknown key 'equals'"),
    ({"must": [{"key": "", "match": {"value": 1}}]}, "not the path"),
    ({"must": [{"key": 5, "match": {"value": 1}}]}, "not the path"),
    (_key(match="x"), "match of 'a' is 'x', not an object"),
    (_key(match={"is": 1}), "unknown key 'is'"),
    (_key(match={}), "exactly one of"),
    (_key(match={"value": 1, "any": [1]}), "exactly one of"),
    (_key(match={"value": 1.5}), "use range"),
    (_key(match={"value": None}), "is None"),
    (_key(match={"any": "x"}), "not a list"),
    (_key(match={"any": [1, "x"]}), "only texts or only whole numbers"),
    (_key(match={"except": [True]}), "only texts or only whole numbers"),
    (_key(match={"text": 5}), "not text"),
    (_key(range={}), "bounds"),
    (_key(range={"from": 1}), "unknown key 'from'"),
    (_key(range={"gt": True}), "bounds"),
    (_key(range={"gt": float("nan")}), "bounds"),
    (_key(range={"gt": 1, "lt": "2024-01-01"}), "all numbers or all dates"),
    (_key(range={"gt": "tomorrow"}), "no date"),
    (_key(values_count={"gt": -1}), "whole numbers"),
    (_key(values_count={}), "whole numbers"),
    (_key(geo_radius={"center": {"lon": 1}, "radius": 2}), r"center\.lat"),
    (_key(geo_bounding_box={}), "top_left"),
    (_key(geo_polygon={"exterior": []}), "exterior"),
    (_key(geo_radius=5), "object"),
    (_key(is_empty="yes"), "not true or false"),
    ({"must": [{"is_empty": "a"}]}, "not an object"),
    ({"must": [{"is_null": {"name": "a"}}]}, "unknown key 'name'"),
    ({"must": [{"is_null": {"key": "a"}, "has_id": [1]}]}, "unknown key 'has_id'"),
    ({"must": [{"has_id": 5}]}, "not a list of ids"),
    ({"must": [{"has_id": ["x"]}]}, "neither a UUID"),
    ({"must": [{"has_id": [-1]}]}, "out of range"),
    ({"must": [{"has_id": [1.5]}]}, "is a float"),
    ({"must": [{"has_vector": 5}]}, "name of a vector"),
    ({"must": [{"nested": {"key": "a"}}]}, "no filter"),
    ({"must": [{"nested": {"key": "a", "filter": {"musst": 1}}}]}, "unknown key 'musst'"),
    ({"min_should": {"conditions": []}}, "min_count"),
    ({"min_should": {"min_count": 1}}, "min_count"),
    ({"min_should": {"conditions": [], "min_count": True}}, "min_count"),
    ({"must": [{"should": [{"key": "a", "match": {"val": 1}}]}]}, "unknown key 'val'"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG)
def test_a_wrong_filter_is_refused_in_one_sentence_with_an_example(wrong: Any, message: str) -> None:
    with pytest.raises(FilterError, match=message) as caught:
        parse_filter(wrong)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 420
    assert "Write it like {" in caught.value.fix


def test_the_examples_are_right() -> None:
    for wrong, _ in WRONG:
        with pytest.raises(FilterError) as caught:
            parse_filter(wrong)
        example = ast.literal_eval(caught.value.fix.removeprefix("Write it like "))
        parse_filter(example if set(example) & {"must", "min_should"} else {"must": [example]})


def test_the_parsed_filter_is_that_of_the_client() -> None:
    json = {
        "must": [
            {"key": "a", "match": {"except": [1, 2]}},
            {"key": "b", "range": {"gte": 1, "lt": 2.5}},
            {"key": "c", "range": {"gte": "2024-01-01T00:00:00+02:00"}},
            {"nested": {"key": "d[]", "filter": {"should": [{"is_null": {"key": "e"}}]}}},
        ],
        "should": [{"has_vector": "dense"}, {"key": "f", "is_empty": True}],
        "min_should": {"conditions": [{"has_id": [1]}], "min_count": 1},
    }
    assert parse_filter(json) == models.Filter.model_validate(json)
    assert parse_filter({}) == models.Filter()


def test_dates_may_be_given_as_dates() -> None:
    parsed = parse_filter(_key(range={"gte": date(2024, 1, 1), "lt": datetime(2024, 2, 1, 12)}))
    condition = to_edge(parsed).must
    assert condition is not None
    assert isinstance(condition[0], qdrant_edge.FieldCondition)
    assert isinstance(condition[0].range, qdrant_edge.RangeDateTime)
    assert condition[0].range.gte == "2024-01-01T00:00:00+00:00" or str(condition[0].range.gte).startswith(
        "2024-01-01"
    )


def test_has_id_becomes_a_set() -> None:
    condition = to_edge(parse_filter({"must": [{"has_id": [3, 3, 4]}]})).must
    assert condition is not None
    assert isinstance(condition[0], qdrant_edge.HasIdCondition)
    assert set(condition[0].point_ids) == {3, 4}


def test_a_condition_that_only_a_server_knows() -> None:
    slice_ = models.SliceCondition.model_construct()
    with pytest.raises(Unsupported, match="SliceCondition"):
        to_edge(models.Filter(must=[models.HasIdCondition(has_id=[1])]).model_copy(update={"must": [slice_]}))
