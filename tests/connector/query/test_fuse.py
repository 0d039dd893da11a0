"""Fusion of ranked lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augury.connector.query.fuse import fuse, unit_scaled
from augury.schemas.plan import Branch, QueryPlan
from augury.schemas.points import PointId

Lists = Sequence[Sequence[tuple[PointId, float]]]
NAMES = ("scenarios", "dense", "sparse")
ranked = st.lists(
    st.tuples(st.integers(0, 30), st.floats(-5, 5)), max_size=20, unique_by=lambda pair: pair[0]
).map(lambda pairs: sorted(pairs, key=lambda pair: -pair[1]))


def fused(lists: Lists, kind: str, weights: Sequence[float] = (1, 1, 1), limit: int = 20) -> list[Any]:
    branches = tuple(
        Branch.model_validate({"name": name, "using": name, "limit": limit, "weight": weight})
        for name, weight, _ in zip(NAMES[-len(lists) :], weights, lists, strict=False)
    )
    return fuse(lists, QueryPlan.model_validate({"query": "q", "branches": branches, "fusion": kind}))


def test_rrf_is_the_sum_of_reciprocal_ranks() -> None:
    found = dict(fused([[("a", 9.0), ("b", 8.0)], [("b", 0.2)]], "rrf"))
    assert found == pytest.approx({"a": 1 / 61, "b": 1 / 62 + 1 / 61})


@pytest.mark.parametrize("kind", ["rrf", "dbsf", "weighted"])
def test_weights_scale_a_list(kind: str) -> None:
    lists = [[("a", 9.0), ("b", 8.0)], [("b", 0.2), ("a", 0.1)]]
    assert [point for point, _ in fused(lists, kind, (1, 3))] == ["b", "a"]
    assert [point for point, _ in fused(lists, kind, (3, 1))] == ["a", "b"]


def test_dbsf_puts_the_mean_at_one_half() -> None:
    found = dict(fused([[("a", 3.0), ("b", 2.0), ("c", 1.0)]], "dbsf"))
    assert found == pytest.approx({"a": 0.5 + 1 / 6, "b": 0.5, "c": 0.5 - 1 / 6})


def test_weighted_scores_are_comparable_whatever_their_scale() -> None:
    dense, sparse = [("a", 0.9), ("b", 0.7), ("c", 0.5)], [("b", 40.0), ("c", 20.0)]
    found = dict(fused([dense, sparse], "weighted", (3, 1)))
    # the sparse list is not full: what it lacks has the score 0 there, so its last one is worth something
    assert found == pytest.approx({"a": 0.75, "b": 0.75 * 0.5 + 0.25, "c": 0.25 * 0.5})
    cut = dict(fused([dense, sparse], "weighted", (3, 1), limit=2))
    assert cut["c"] == pytest.approx(0)  # a full list: nothing that it lacks can be better than its last


@given(st.lists(ranked, min_size=1, max_size=3), st.sampled_from(["rrf", "dbsf", "weighted"]))
def test_every_id_once_and_in_order(lists: list[list[tuple[PointId, float]]], kind: str) -> None:
    found = fused(lists, kind)
    assert {point for point, _ in found} == {point for each in lists for point, _ in each}
    assert len({point for point, _ in found}) == len(found)
    assert found == sorted(found, key=lambda pair: (-pair[1], str(pair[0])))


@given(ranked)
def test_one_list_keeps_its_order(one: list[tuple[PointId, float]]) -> None:
    assert [point for point, _ in fused([one], "rrf")] == [point for point, _ in one]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_scaling_keeps_the_order_and_ends_at_one(scores: list[float]) -> None:
    scaled = unit_scaled(scores)
    assert max(scaled) == 1
    assert min(scaled) >= 0
    assert all(np.diff(np.array(scaled)[np.argsort(scores, kind="stable")]) >= 0)
