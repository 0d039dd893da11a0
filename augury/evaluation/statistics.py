"""How sure a measured number is: intervals and paired tests over queries, by scipy.

Queries are what is drawn at random, so they are what is resampled. The paired randomisation test is the one
that Smucker, Allan and Carterette 2007 (https://doi.org/10.1145/1321440.1321528) recommend for retrieval;
several tests at once are corrected by Holm 1979 (https://www.jstor.org/stable/4615733).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

RESAMPLES = 9999
"""With the observed one this makes 10,000, so that p values are multiples of .0001."""
_SEED = 20_070_406
_AT_ONCE = 1_000_000
"""Numbers drawn at a time, whatever the number of queries: 8 MB."""


def interval(values: Sequence[float]) -> tuple[float, float]:
    """``low, high = interval([0.2, 0.9, 0.4])``: the 95 % percentile-bootstrap interval of the mean.

    Values that are all equal, or only one, give that value twice. Raises ``ValueError`` for none.
    """
    if not len(values):
        raise ValueError("an interval needs at least one value")
    sample = np.asarray(values, dtype=np.float64)  # (queries,)
    if np.ptp(sample) == 0:
        return float(sample[0]), float(sample[0])
    from scipy.stats import bootstrap

    found = bootstrap(
        (sample,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=max(1, _AT_ONCE // len(sample)),
        method="percentile",
        rng=np.random.default_rng(_SEED),
    ).confidence_interval
    mean = float(sample.mean())  # which rounding can put a hair outside
    return min(float(found.low), mean), max(float(found.high), mean)


def paired_p(a: Sequence[float], b: Sequence[float]) -> float:
    """``paired_p(values_of_a, values_of_b)``: the two-sided p value that the means differ by chance.

    Position i of both is the same query. Each pair is swapped at random; up to 13 queries that differ, all
    swaps are tried and p is exact. Raises ``ValueError`` for lists of unequal length.
    """
    if len(a) != len(b):
        raise ValueError(f"{len(a)} values cannot be paired with {len(b)}")
    differences = np.asarray(b, dtype=np.float64) - np.asarray(a, dtype=np.float64)  # (queries,)
    differences = differences[differences != 0]  # a pair of equals is the same swapped
    if len(differences) < 2:
        return 1.0
    from scipy.stats import permutation_test

    # Of one sample, "samples" draws the sign of each number: what swapping does to a difference.
    found = permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=max(1, _AT_ONCE // len(differences)),
        rng=np.random.default_rng(_SEED),
    )
    return min(1.0, float(found.pvalue))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """``holm({"a": 0.01, "b": 0.04})`` gives ``{"a": 0.02, "b": 0.04}``: p values of tests made together.

    The smallest is multiplied by the number of tests, the next by one less, and so on; none is less than
    one before it, or more than 1.
    """
    adjusted: dict[str, float] = {}
    reached = 0.0
    for place, name in enumerate(sorted(p_values, key=lambda each: p_values[each])):
        reached = max(reached, min(1.0, p_values[name] * (len(p_values) - place)))
        adjusted[name] = reached
    return {name: adjusted[name] for name in p_values}


def p_text(p: float) -> str:
    """``p_text(0.04)`` is ``0.040``, and what the resamples cannot tell from 0 is ``<0.001``."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"
