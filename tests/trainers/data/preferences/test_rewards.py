"""The arithmetic of rewards: what holds whatever the numbers are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augury.schemas.points import FloatArray
from augury.trainers.data.preferences.options import PreferenceOptions
from augury.trainers.data.preferences.rewards import picked, published, reciprocal_ranks, reward

NUMBERS = st.lists(st.sampled_from([-0.5, 0.0, 0.25, 0.5, 0.75, 1.0]), min_size=2, max_size=12)
PAIRS = st.lists(st.tuples(*[st.sampled_from([0.0, 0.25, 0.5, 1.0])] * 2), min_size=2, max_size=12)


def array(values: object) -> FloatArray:
    return np.array(values, dtype=np.float32)


def test_the_published_reward_by_hand() -> None:
    to_passage, to_answer = array([0.9, 0.1, 0.5]), array([0.2, 0.3, 0.4])
    assert reciprocal_ranks(to_passage).tolist() == pytest.approx([1, 1 / 3, 1 / 2])
    assert published(to_passage, to_answer).tolist() == pytest.approx([1 + 1 / 3, 1 / 3 + 1 / 2, 1 / 2 + 1])
    assert picked(published(to_passage, to_answer), to_passage + to_answer, 0.1) == (2, 1)


@given(NUMBERS)
def test_ranks_are_those_of_a_sorted_list(values: list[float]) -> None:
    found = reciprocal_ranks(array(values))
    for value, reciprocal in zip(values, found, strict=True):
        assert reciprocal == pytest.approx(1 / (1 + sorted(values, reverse=True).index(value)))
    assert found.max() == 1


@given(NUMBERS, st.randoms())
def test_the_order_of_samples_changes_no_reward(values: list[float], random: object) -> None:
    order = list(range(len(values)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = reciprocal_ranks(array([values[place] for place in order]))
    assert np.array_equal(shuffled, reciprocal_ranks(array(values))[order])


@given(PAIRS, st.sampled_from([0.0, 0.1, 0.25, 0.5, 2.0]))
def test_a_pair_keeps_its_margin_and_breaks_ties_by_similarity(
    both: list[tuple[float, float]], margin: float
) -> None:
    rewards, similarities = array([a for a, _ in both]), array([b for _, b in both])
    found = picked(rewards, similarities, margin)
    spread = float(rewards.max() - rewards.min())
    assert (found is not None) == (spread > 0 and spread >= margin)
    if found:
        assert both[found.chosen] == max(both)
        assert both[found.rejected] == min(both)


@given(PAIRS)
def test_both_rewards_have_one_to_give(both: list[tuple[float, float]]) -> None:
    found, similar = array([a for a, _ in both]), array([b for _, b in both])
    worth = published(similar, similar)
    total = reward("both", worth, found)
    assert ((total >= found) & (total <= found + 1)).all()
    assert np.array_equal(reward("retrieval", worth, found), found)
    assert np.array_equal(reward("published", worth, None), worth)


def test_options_that_contradict_each_other_are_refused() -> None:
    assert PreferenceOptions().ranked_by == "published" and PreferenceOptions().with_answers
    assert PreferenceOptions(index="i").ranked_by == "retrieval"
    assert not PreferenceOptions(index="i").with_answers
    for wrong, says in (
        ({"reward": "retrieval"}, "searches an index"),
        ({"temperatures": (0.0,)}, "above 0"),
        ({"samples": 1, "temperatures": (1.0, 1.0)}, "two samples"),
    ):
        with pytest.raises(ValueError, match=says):
            PreferenceOptions.model_validate(wrong)
