"""Fusion of ranked lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augury.connector.query.fuse import fuse

ranked = st.lists(
    st.tuples(st.integers(0, 30), st.floats(-5, 5)), max_size=20, unique_by=lambda pair: pair[0]
).map(lambda pairs: sorted(pairs, key=lambda pair: -pair[1]))


def test_rrf_is_the_sum_of_reciprocal_ranks() -> None:
    fused = dict(fuse([[("a", 9.0), ("b", 8.0)], [("b", 0.2)]], [1, 1], "rrf", 60))
    assert fused == pytest.approx({"a": 1 / 61, "b": 1 / 62 + 1 / 61})


def test_weights_scale_a_list() -> None:
    best = fuse([[("a", 9.0), ("b", 8.0)], [("b", 0.2), ("a", 0.1)]], [1, 3], "rrf", 60)
    assert [point for point, _ in best] == ["b", "a"]


def test_dbsf_puts_the_mean_at_one_half() -> None:
    fused = dict(fuse([[("a", 3.0), ("b", 2.0), ("c", 1.0)]], [1], "dbsf", 60))
    assert fused == pytest.approx({"a": 0.5 + 1 / 6, "b": 0.5, "c": 0.5 - 1 / 6})


@given(st.lists(ranked, min_size=1, max_size=3), st.sampled_from(["rrf", "dbsf"]))
def test_every_id_once_and_in_order(lists: list[list[tuple[int, float]]], kind: str) -> None:
    fused = fuse(lists, [1.0] * len(lists), kind, 60)  # type: ignore[arg-type]
    assert {point for point, _ in fused} == {point for each in lists for point, _ in each}
    assert len({point for point, _ in fused}) == len(fused)
    assert fused == sorted(fused, key=lambda pair: (-pair[1], str(pair[0])))


@given(ranked)
def test_one_list_keeps_its_order(one: list[tuple[int, float]]) -> None:
    assert [point for point, _ in fuse([one], [1.0], "rrf", 60)] == [point for point, _ in one]
