"""Turning knobs: what is kept, and what chance alone would have kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from augury.evaluation.tuning.climb import climb, folds_of
from augury.evaluation.tuning.knobs import Knob, knobs
from augury.evaluation.tuning.rankings import Choice, Values

QUERIES = 60
START = Choice(0.3, "max", 0.1, "dbsf", (("scenarios", 1.0), ("sparse", 1.0)), 60)
ALPHAS = (0.0, 0.3, 0.6, 0.9)


def _alphas(choice: Choice) -> Iterable[Choice]:
    return [replace(choice, alpha=alpha) for alpha in ALPHAS]


ALPHA = Knob("alpha", lambda choice: f"{choice.alpha:g}", _alphas)


def test_what_helps_every_query_is_turned() -> None:
    rng = np.random.default_rng(1)
    base = rng.uniform(0, 0.5, QUERIES)

    def values(choice: Choice) -> Values:
        return base + (0.2 if choice.alpha == 0.6 else 0.0)

    (turn,) = climb(values, [ALPHA], START, np.arange(QUERIES), 5)
    assert turn.helps and turn.after.alpha == 0.6 and turn.tried == 4
    assert turn.gain is not None and np.isclose(turn.gain.mean, 0.2)


@given(st.integers(0, 10_000))
def test_what_chance_prefers_stays(seed: int) -> None:
    """The best of several equally good values looks better on the queries that chose it, and only there."""
    draws = {
        alpha: np.random.default_rng([seed, place]).uniform(size=QUERIES)
        for place, alpha in enumerate(ALPHAS)
    }
    (turn,) = climb(lambda choice: draws[choice.alpha], [ALPHA], START, np.arange(QUERIES), 5)
    chosen = draws[turn.best.alpha].mean() - draws[START.alpha].mean()
    assert turn.gain is not None and turn.gain.mean <= chosen + 1e-9
    assert turn.helps == (turn.gain.low > 0 and turn.best != START)


def test_the_next_knob_starts_where_the_last_one_ended() -> None:
    seen: list[Choice] = []

    def tries(choice: Choice) -> Iterable[Choice]:
        seen.append(choice)
        return [replace(choice, rrf_k=10)]

    def values(choice: Choice) -> Values:
        return np.full(QUERIES, choice.alpha)

    turns = climb(values, [ALPHA, Knob("k", lambda c: str(c.rrf_k), tries)], START, np.arange(QUERIES), 5)
    assert seen == [replace(START, alpha=0.9)]
    assert not turns[1].helps and turns[1].after == turns[0].after


def test_folds_are_equally_large() -> None:
    assert sorted(np.bincount(folds_of(22, 5)).tolist()) == [4, 4, 4, 5, 5]


def test_knobs_say_why_there_is_nothing_to_turn() -> None:
    bare = knobs(scenarios=False, sparse=False, rerank=False, expanded=None, alpha=0.3, reach=100)
    assert {each.name: bool(each.why_not) for each in bare} == {
        "alpha": True,
        "scenario pool": True,
        "fusion and weights": True,
        "RRF k": False,
        "rerank": True,
        "expand where the best score is below": True,
    }
    rrf = next(each for each in bare if each.name == "RRF k")
    assert list(rrf.tries(START)) == []  # nothing is fused by RRF


def test_weights_that_fuse_nothing_are_tried_once() -> None:
    (fusion,) = [
        each
        for each in knobs(scenarios=True, sparse=True, rerank=False, expanded=None, alpha=0.3, reach=100)
        if each.name == "fusion and weights"
    ]
    tries = list(fusion.tries(START))
    assert len(tries) == len(set(tries))
    assert (("scenarios", 1.0),) in [each.weights for each in tries]
    assert (("sparse", 1.0),) in [each.weights for each in tries]
