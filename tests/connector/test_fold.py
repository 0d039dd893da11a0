"""Folding is SPIKE's score, and it can be undone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augury.connector.fold import best_scenario, fold, unfold
from augury.schemas.points import FloatArray


def units(seed: int, rows: int) -> FloatArray:
    values = np.random.default_rng(seed).normal(size=(rows, 16)).astype(np.float32)
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True), dtype=np.float32)


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.floats(0, 0.95))
def test_unfold_gives_the_scenarios_back(seed: int, count: int, alpha: float) -> None:
    passage, scenarios = units(seed, 1)[0], units(seed + 1, count)
    assert unfold(passage, fold(passage, scenarios, alpha), alpha) == pytest.approx(scenarios, abs=1e-4)


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.floats(0, 1))
def test_the_largest_dot_product_is_the_score_of_the_paper(seed: int, count: int, alpha: float) -> None:
    passage, scenarios, query = units(seed, 1)[0], units(seed + 1, count), units(seed + 2, 1)[0]
    paper = alpha * (query @ passage) + (1 - alpha) * (scenarios @ query).max()
    assert (fold(passage, scenarios, alpha) @ query).max() == pytest.approx(paper, abs=1e-5)


def test_the_score_splits_again_into_its_parts() -> None:
    passage, scenarios, query = units(1, 1)[0], units(2, 5), units(3, 1)[0]
    folded = (fold(passage, scenarios, 0.3) @ query).max()
    assert best_scenario(folded, passage @ query, 0.3) == pytest.approx((scenarios @ query).max(), abs=1e-5)


def test_without_scenarios_the_row_is_the_passage() -> None:
    passage = units(1, 1)[0]
    assert np.array_equal(fold(passage, units(1, 1)[:0], 0.3), passage[None, :])


def test_alpha_one_cannot_be_undone() -> None:
    passage = units(1, 1)[0]
    with pytest.raises(ValueError, match="no longer hold"):
        unfold(passage, fold(passage, units(2, 2), 1.0), 1.0)
