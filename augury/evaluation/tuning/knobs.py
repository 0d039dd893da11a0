"""The settings that are tuned, and the values that each is tried with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

from ...connector.fold import MAX_ALPHA
from ...schemas.profile import BranchName, FusionKind
from .rankings import Choice

ALPHAS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
TEMPERATURES = (0.02, 0.05, 0.1, 0.2)
FUSIONS: tuple[FusionKind, ...] = ("dbsf", "rrf", "weighted")
WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)
"""Of the sparse branch, where the first branch has 1."""
DENSE_WEIGHTS = (0.0, 0.5, 1.0)
"""Of the dense branch beside the scenarios, which hold the passage already."""
RRF_KS = (2, 5, 10, 20, 40, 60, 100)
DEPTHS = (20, 50, 100, 200)
RERANK_WEIGHTS = (0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)
SHARES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75)
"""Of the queries that are expanded, at the thresholds that are tried."""
EVERY_QUERY = 2.0
"""No cosine is as much."""


@dataclass(frozen=True)
class Knob:
    """One setting: ``tries(choice)`` are the choices that differ in it alone, ``text`` says its value.

    ``why_not`` says why there is nothing to try, where that is so.
    """

    name: str
    text: Callable[[Choice], str]
    tries: Callable[[Choice], Iterable[Choice]]
    why_not: str = ""


def knobs(
    *,
    scenarios: bool,
    sparse: bool,
    rerank: bool,
    expanded: Callable[[Choice], Sequence[float]] | None,
    alpha: float,
    reach: int,
) -> list[Knob]:
    """All knobs, in the order in which they are turned.

    Args:
        scenarios, sparse, rerank: what the index has.
        expanded: the best score of each query under a choice, where expansions were gathered.
        alpha: the index's own.
        reach: candidates of each branch; a reranker cannot look deeper than all of them.
    """
    none = "" if scenarios else "No passage of the index has scenarios."
    lost = "The index was folded with alpha 1 and lost its scenarios." if alpha > MAX_ALPHA else ""
    kinds = _fusions(scenarios=scenarios, sparse=sparse)
    return [
        # The branches first: what is best inside one shows only once another does not drown it.
        Knob(
            "fusion and weights",
            _fusion_text,
            kinds,
            "" if scenarios or sparse else "The index has one branch only.",
        ),
        Knob("alpha", lambda c: f"{c.alpha:g}", _alphas, none or lost),
        Knob("scenario pool", _pool_text, _pools, none or lost),
        Knob("RRF k", lambda c: str(c.rrf_k), _rrf_ks),
        Knob("rerank", _rerank_text, lambda c: _reranks(c, reach), "" if rerank else "No reranker is named."),
        Knob(
            "expand where the best score is below",
            lambda c: "never" if c.unsure_below is None else f"{c.unsure_below:.3f}",
            (lambda c: _thresholds(c, expanded(c))) if expanded else lambda c: (),
            "" if expanded else "Queries were not expanded; --expand auto has them expanded.",
        ),
    ]


def _alphas(choice: Choice) -> Iterable[Choice]:
    if any(name == "scenarios" for name, _ in choice.weights):
        yield from (replace(choice, alpha=alpha) for alpha in ALPHAS)


def _pools(choice: Choice) -> Iterable[Choice]:
    if any(name == "scenarios" for name, _ in choice.weights):
        yield replace(choice, pool="max")
        yield from (replace(choice, pool="soft", pool_temperature=each) for each in TEMPERATURES)


def _fusions(*, scenarios: bool, sparse: bool) -> Callable[[Choice], Iterable[Choice]]:
    first: BranchName = "scenarios" if scenarios else "dense"

    def tries(choice: Choice) -> Iterable[Choice]:
        seen = set()
        for kind, dense, weight in product(
            FUSIONS, DENSE_WEIGHTS if scenarios else (0.0,), WEIGHTS if sparse else (0.0,)
        ):
            given: tuple[tuple[BranchName, float], ...] = (
                (first, 1.0),
                ("dense", dense),
                ("sparse", weight),
            )
            weights = tuple((name, each) for name, each in given if each > 0)
            key = (kind if len(weights) > 1 else None, weights)
            if key not in seen:
                seen.add(key)
                yield replace(choice, fusion=kind if len(weights) > 1 else choice.fusion, weights=weights)
        if sparse:
            yield replace(choice, weights=(("sparse", 1.0),))

    return tries


def _rrf_ks(choice: Choice) -> Iterable[Choice]:
    if choice.fusion == "rrf" and len(choice.weights) > 1:
        yield from (replace(choice, rrf_k=each) for each in RRF_KS)


def _reranks(choice: Choice, reach: int) -> Iterable[Choice]:
    yield replace(choice, rerank_depth=0, rerank_weight=0.0)
    for depth, weight in product(DEPTHS, RERANK_WEIGHTS):
        if depth <= reach:
            yield replace(choice, rerank_depth=depth, rerank_weight=weight)


def _thresholds(choice: Choice, best: Sequence[float]) -> Iterable[Choice]:
    yield replace(choice, unsure_below=None)
    scores = sorted(best)
    at = {min(len(scores) - 1, round(share * len(scores))) for share in SHARES}
    yield from (replace(choice, unsure_below=scores[each]) for each in sorted(at))
    yield replace(choice, unsure_below=EVERY_QUERY)


def _pool_text(choice: Choice) -> str:
    return "max" if choice.pool == "max" else f"soft {choice.pool_temperature:g}"


def _fusion_text(choice: Choice) -> str:
    if len(choice.weights) == 1:
        return f"{choice.weights[0][0]} alone"
    return f"{choice.fusion} " + ", ".join(f"{name} {weight:g}" for name, weight in choice.weights)


def _rerank_text(choice: Choice) -> str:
    return f"{choice.rerank_depth} at {choice.rerank_weight:g}" if choice.rerank_depth else "off"
