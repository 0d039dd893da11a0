"""Scoring the scenarios branch by all scenarios of a passage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import augury
from augury.connector.fold import soft_maximum
from augury.connector.index import Index
from augury.errors import QueryError
from augury.schemas.document import Document
from augury.schemas.profile import Profile
from tests.exact import ExactDense, ExactSparse, ScenarioList, signs

NEEDS = {"a": ["alpha", "beta", "gamma"], "b": ["beta", "beta"], "c": [], "d": ["delta"]}
similarities = st.lists(st.floats(-1, 1, width=16), min_size=1, max_size=8)


@given(similarities, st.floats(0.01, 5))
def test_a_soft_maximum_lies_between_the_mean_and_the_maximum(
    values: list[float], temperature: float
) -> None:
    array = np.array(values, dtype=np.float64)
    found = soft_maximum(array.astype(np.float32), temperature)
    assert array.mean() - 1e-5 <= found <= array.max() + 1e-6


@given(similarities)
def test_a_soft_maximum_becomes_the_maximum_as_it_cools(values: list[float]) -> None:
    assert soft_maximum(np.array(values, dtype=np.float32), 1e-4) == pytest.approx(max(values), abs=1e-3)


def made(alpha: float = 0.25) -> Index:
    profile = Profile()
    changed = profile.scenarios.model_copy(update={"alpha": alpha, "floor": -1.0})
    profile = profile.model_copy(update={"scenarios": changed})
    index = augury.open(":memory:", profile=profile, dense=ExactDense(), sparse=ExactSparse())
    index.ingest([Document(id=id, text=f"{id}text") for id in NEEDS], scenarios=ScenarioList(NEEDS))
    return index


@pytest.mark.parametrize("alpha", [None, 0.5])
def test_the_score_is_the_formula_over_all_scenarios(alpha: float | None) -> None:
    query = "beta"
    weight = 0.25 if alpha is None else alpha
    with made() as index:
        hits = index.search(query, branches=("scenarios",), pool="soft", alpha=alpha)
    expected = {}
    for id, needs in NEEDS.items():
        dense = float(signs(f"{id}text") @ signs(query))
        # A passage without scenarios speaks for itself.
        values = np.array([float(signs(need) @ signs(query)) for need in needs] or [dense], dtype=np.float32)
        expected[id] = weight * dense + (1 - weight) * soft_maximum(values, 0.1)
    assert {hit.doc_id: hit.score for hit in hits} == pytest.approx(expected, abs=1e-5)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_what_a_soft_maximum_needs_is_said() -> None:
    with made() as index, pytest.raises(QueryError, match="needs the scenarios branch"):
        index.search("beta", branches=("dense",), pool="soft")
    with made(alpha=1.0) as index, pytest.raises(QueryError, match="lost its scenarios"):
        index.search("beta", pool="soft")
