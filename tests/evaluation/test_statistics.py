"""Intervals, paired tests and Holm's correction: properties, and examples worked by hand."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from augury.evaluation.statistics import holm, interval, p_text, paired_p

VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=40)
PS = st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=8)


@settings(max_examples=25)
@given(VALUES)
def test_an_interval_holds_the_mean_and_stays_among_the_values(values: list[float]) -> None:
    low, high = interval(values)
    assert low <= sum(values) / len(values) + 1e-12 and high >= sum(values) / len(values) - 1e-12
    assert min(values) - 1e-12 <= low <= high <= max(values) + 1e-12
    assert interval(values) == (low, high)  # seeded


def test_intervals_of_next_to_nothing() -> None:
    assert interval([0.25]) == interval([0.25] * 9) == (0.25, 0.25)
    with pytest.raises(ValueError, match="at least one"):
        interval([])
    # Of two values the mean of two draws is 0 or 1 a quarter of the time each.
    assert interval([0.0, 1.0]) == (0.0, 1.0)


def test_an_interval_is_near_the_normal_one() -> None:
    values = [place / 999 for place in range(1000)]
    half = 1.96 * (1 / 12 / 1000) ** 0.5  # the standard error of a uniform's mean
    assert interval(values) == pytest.approx((0.5 - half, 0.5 + half), abs=0.002)


@settings(max_examples=25)
@given(VALUES, st.integers(0, 2**32 - 1))
def test_a_paired_p_is_a_probability_and_symmetric(values: list[float], seed: int) -> None:
    others = [(value * 7919 + seed) % 1 for value in values]
    p = paired_p(values, others)
    assert 0 < p <= 1 and paired_p(values, values) == 1.0
    assert paired_p(others, values) == pytest.approx(p, abs=0.02)


def test_paired_p_by_hand() -> None:
    # Three gains of one size: of the 8 ways to give them signs, two are as far out (+++ and ---).
    assert paired_p([0.0, 0.0, 0.0], [0.5, 0.5, 0.5]) == pytest.approx(2 / 8)
    # Gains of 1, 2, 3 and -1 add up to 5. Of the 16 ways to give them signs, 1+2+3-1, -1+2+3+1 and 1+2+3+1
    # are as far out, and their opposites.
    assert paired_p([0, 0, 0, 1], [1, 2, 3, 0]) == pytest.approx(6 / 16)
    # Queries that do not differ change nothing, as swapping them does nothing.
    assert paired_p([0, 0, 0, 1, 5, 6], [1, 2, 3, 0, 5, 6]) == pytest.approx(6 / 16)
    assert paired_p([0.1], [0.9]) == 1.0
    assert paired_p([0.0] * 30, [0.1] * 30) < 0.001
    with pytest.raises(ValueError, match="cannot be paired"):
        paired_p([1.0], [])


def test_holm_by_hand() -> None:
    # Sorted .01, .02, .03, .04 times 4, 3, 2, 1 is .04, .06, .06, .04; none may fall: .04, .06, .06, .06.
    found = holm({"c": 0.03, "a": 0.01, "d": 0.04, "b": 0.02})
    assert list(found) == ["c", "a", "d", "b"]
    assert found == pytest.approx({"a": 0.04, "b": 0.06, "c": 0.06, "d": 0.06})
    assert (
        holm({}) == {} and holm({"a": 0.2}) == {"a": 0.2} and holm({"a": 0.6, "b": 0.9}) == {"a": 1, "b": 1}
    )


@given(PS)
def test_holm_is_monotone_and_between_p_and_bonferroni(p_values: dict[str, float]) -> None:
    found = holm(p_values)
    ordered = sorted(p_values, key=lambda name: p_values[name])
    assert all(found[a] <= found[b] for a, b in pairwise(ordered))
    for name, p in p_values.items():
        assert p <= found[name] <= min(1.0, p * len(p_values)) + 1e-15
    if p_values:  # never below Benjamini and Hochberg, who promise less
        less = false_discovery_control(list(p_values.values()))
        assert all(mine >= other - 1e-12 for mine, other in zip(found.values(), less, strict=True))


def test_p_as_text() -> None:
    assert (p_text(0.0001), p_text(0.0404), p_text(1.0)) == ("<0.001", "0.040", "1.000")
