"""Blending with a reranker's scores, and diversity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augury.connector.query.diversify import diversified
from augury.connector.query.rerank import blended
from augury.schemas.points import FloatArray, PointId

scores = st.floats(-100, 100, width=16)
ranked = st.lists(
    st.tuples(st.integers(0, 50), scores), min_size=1, max_size=30, unique_by=lambda p: p[0]
).map(lambda pairs: sorted(pairs, key=lambda pair: (-pair[1], str(pair[0]))))


def test_the_blend_is_a_weighted_mean_of_scaled_scores() -> None:
    first: list[tuple[PointId, float]] = [("a", 5.0), ("b", 4.0), ("c", 3.0), ("d", 1.0)]
    found, places = blended(first, {"a": -9.0, "b": -3.0, "c": -6.0}, 0.75)
    assert dict(found) == pytest.approx({"b": 0.875, "c": 0.375, "a": 0.25, "d": -1.0})
    assert [point for point, _ in found] == ["b", "c", "a", "d"]
    assert {point: (place.rank, place.score) for point, place in places.items()} == {
        "b": (1, -3.0),
        "c": (2, -6.0),
        "a": (3, -9.0),
    }


@given(ranked, st.data())
def test_weight_0_keeps_the_order_and_weight_1_takes_the_new_one(
    first: list[tuple[PointId, float]], data: st.DataObject
) -> None:
    depth = data.draw(st.integers(1, len(first)))
    new = {point: data.draw(scores) for point, _ in first[:depth]}
    kept, _ = blended(first, new, 0.0)
    assert [score for _, score in kept] == sorted((score for _, score in kept), reverse=True)
    assert [point for point, _ in kept[depth:]] == [point for point, _ in first[depth:]]
    taken, places = blended(first, new, 1.0)
    assert sorted(new.values(), reverse=True) == [new[point] for point, _ in taken[:depth]]
    assert [point for point, _ in taken[depth:]] == [point for point, _ in first[depth:]]
    assert set(places) == set(new)


def test_a_copy_of_a_hit_falls_behind_something_new() -> None:
    vectors: dict[PointId, FloatArray] = {
        "a": np.array([1, 0], np.float32),
        "copy": np.array([1, 0], np.float32),
        "other": np.array([0, 1], np.float32),
    }
    pool: list[tuple[PointId, float]] = [("a", 1.0), ("copy", 0.95), ("other", 0.5)]
    found, places = diversified(pool, vectors, 0.5, 3)
    assert [point for point, _ in found] == ["a", "other", "copy"]
    assert dict(found) == dict(pool)
    assert places["other"].rank == 2 and places["other"].score == pytest.approx(0.0)
    assert [point for point, _ in diversified(pool, vectors, 0.0, 2)[0]] == ["a", "copy"]
    assert diversified([], {}, 0.5, 3) == ([], {})


@given(ranked, st.floats(0, 1), st.integers(1, 40))
def test_diversity_only_reorders(first: list[tuple[PointId, float]], diversity: float, limit: int) -> None:
    rng = np.random.default_rng(3)
    vectors: dict[PointId, FloatArray] = {
        point: rng.standard_normal(4).astype(np.float32) for point, _ in first
    }
    found, _ = diversified(first, vectors, diversity, limit)
    assert len(found) == min(limit, len(first)) == len(set(found))
    assert set(found) <= set(first)
    assert found[0] == first[0] or diversity == 1
