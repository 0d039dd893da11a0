"""What a search would have returned with other settings, worked out from gathered candidates.

The same functions as in a search make the scores (fusing, blending, the soft maximum), so that a run from
here is the run of a search with the same settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ...connector.fold import soft_maximum
from ...connector.query.fuse import shares
from ...connector.query.rerank import blended
from ...schemas.plan import Branch, QueryPlan
from ...schemas.points import PointId
from ...schemas.profile import BranchName, FusionKind, PoolKind
from ..dataset import Dataset
from ..measure import Run, per_query
from .gather import Gathered, Positions, Query

_KEPT = 32
"""So many branches' lists, of all queries, are kept: what one setting's values have in common."""

Listed = tuple[Positions, list[float]]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """Every setting that is tuned.

    ``weights`` are of the branches that are searched, in the plan's order. ``rerank_depth`` 0 is none, and
    ``unsure_below`` None never expands.
    """

    alpha: float
    pool: PoolKind
    pool_temperature: float
    fusion: FusionKind
    weights: tuple[tuple[BranchName, float], ...]
    rrf_k: int
    rerank_depth: int = 0
    rerank_weight: float = 0.0
    unsure_below: float | None = None


class Rankings:
    """``Rankings(queries, dataset, plan, depth).values(choice, "nDCG@10")``: an array, one value a query.

    Args:
        plan: any of the plans that the queries were gathered with.
        candidates: passages that a search takes from each branch.
        depth: documents kept of each query.
    """

    def __init__(
        self, queries: Sequence[Query], dataset: Dataset, plan: QueryPlan, candidates: int, depth: int
    ) -> None:
        self._queries = queries
        self._dataset = dataset
        self._plan = plan
        self._own_alpha = plan.index_alpha
        self._candidates = candidates
        self._depth = depth
        self._listed = lru_cache(_KEPT)(self._all_listed)
        self._shared = lru_cache(_KEPT)(self._all_shares)

    def values(self, choice: Choice, measure: str) -> Values:
        """The measure of every query, in the dataset's order."""
        found = per_query(self._dataset.qrels, self.run(choice), [measure])[measure]
        return np.array([found[query.id] for query in self._queries])

    def run(self, choice: Choice) -> Run:
        """The documents of every query."""
        plain = self._documents(choice, expanded=False)
        if choice.unsure_below is None:
            return dict(zip((query.id for query in self._queries), plain, strict=True))
        expanded = self._documents(choice, expanded=True)
        return {
            query.id: other if query.expanded and best < choice.unsure_below else own
            for query, own, other, best in zip(
                self._queries, plain, expanded, self.best_scores(choice), strict=True
            )
        }

    def best_scores(self, choice: Choice) -> list[float]:
        """How similar each query's best passage is, which decides whether ``auto`` expands it."""
        names = [name for name, _ in choice.weights if name != "sparse"]
        lists = [self._of(name, choice, expanded=False) for name in names]
        # Where nothing was searched by similarity or nothing found, there is no doubt.
        return [
            max((list_[query][1][0] for list_ in lists if list_[query][1]), default=np.inf)
            for query in range(len(self._queries))
        ]

    def _documents(self, choice: Choice, *, expanded: bool) -> list[dict[str, float]]:
        plan = self._as_plan(choice)
        parts = [
            (branch, self._of(branch.name, choice, expanded), self._shares_of(branch, choice, expanded))
            for branch in plan.branches
        ]
        scale = sum(branch.weight for branch in plan.branches) if plan.fusion == "weighted" else 1.0
        found = []
        for place, query in enumerate(self._queries):
            gathered = self._side(query, expanded)
            total = np.zeros(len(gathered.points))
            listed = np.zeros(len(gathered.points), dtype=bool)
            for branch, lists, share in parts:
                positions = lists[place][0]
                total[positions] += branch.weight / scale * share[place]
                listed[positions] = True
            order = np.flatnonzero(listed)  # by id, which a stable sort keeps among equals
            order = order[np.argsort(-total[order], kind="stable")]
            if choice.rerank_depth and gathered.reranked is not None and len(order):
                order = _reordered(gathered, order, total[order], choice)
            found.append(self._kept(query.id, gathered, order))
        return found

    def _kept(self, query: str, gathered: Gathered, order: Positions) -> dict[str, float]:
        dropped = self._dataset.dropped(query)
        best: dict[str, float] = {}
        for position in order:
            document = gathered.documents[position]
            if document not in dropped and document not in best:
                best[document] = float(-len(best))
                if len(best) == self._depth:
                    break
        return best

    def _as_plan(self, choice: Choice) -> QueryPlan:
        branches = tuple(
            Branch(name=name, using=name, limit=self._candidates, weight=weight)
            for name, weight in choice.weights
        )
        fusion = choice.fusion if len(branches) > 1 else None
        return self._plan.model_copy(update={"branches": branches, "fusion": fusion, "rrf_k": choice.rrf_k})

    def _of(self, name: BranchName, choice: Choice, expanded: bool) -> list[Listed]:
        if name != "scenarios":
            return self._listed(name, 0.0, "max", 0.0, expanded)
        temperature = choice.pool_temperature if choice.pool == "soft" else 0.0
        return self._listed(name, choice.alpha, choice.pool, temperature, expanded)

    def _shares_of(self, branch: Branch, choice: Choice, expanded: bool) -> list[Values]:
        of_scenarios = branch.name == "scenarios"
        return self._shared(
            branch.model_copy(update={"weight": 1.0}),
            choice.fusion if len(choice.weights) > 1 else None,
            choice.rrf_k if choice.fusion == "rrf" else 0,
            choice.alpha if of_scenarios else 0.0,
            choice.pool if of_scenarios else "max",
            choice.pool_temperature if of_scenarios and choice.pool == "soft" else 0.0,
            expanded,
        )

    def _all_listed(
        self, name: BranchName, alpha: float, pool: PoolKind, temperature: float, expanded: bool
    ) -> list[Listed]:
        found = []
        for query in self._queries:
            gathered = self._side(query, expanded)
            if name == "scenarios":
                found.append(self._scenario_list(gathered, alpha, pool, temperature))
            else:
                positions, scores = gathered.lists[name]
                found.append((positions[: self._candidates], scores[: self._candidates]))
        return found

    def _scenario_list(self, gathered: Gathered, alpha: float, pool: PoolKind, temperature: float) -> Listed:
        positions, scores = gathered.lists["scenarios"]
        if alpha != self._own_alpha:
            # All points have both similarities, so that each can be scored as if folded with this alpha.
            best = np.array([each.max() for each in gathered.scenarios], dtype=np.float32)
            scores_of_all = alpha * gathered.dense + (1 - alpha) * best  # (points,)
            positions = np.argsort(-scores_of_all, kind="stable")
            scores = scores_of_all[positions].tolist()
        positions, scores = positions[: self._candidates], scores[: self._candidates]
        if pool == "soft":
            softly = np.array(
                [
                    alpha * float(gathered.dense[each])
                    + (1 - alpha) * soft_maximum(gathered.scenarios[each], temperature)
                    for each in positions
                ]
            )
            by_id = np.argsort(positions)
            order = by_id[np.argsort(-softly[by_id], kind="stable")]
            positions, scores = positions[order], softly[order].tolist()
        return positions, scores

    def _all_shares(
        self,
        branch: Branch,
        fusion: FusionKind | None,
        rrf_k: int,
        alpha: float,
        pool: PoolKind,
        temperature: float,
        expanded: bool,
    ) -> list[Values]:
        lists = self._listed(branch.name, alpha, pool, temperature, expanded)
        if fusion is None:
            return [np.array(scores) for _, scores in lists]
        plan = self._plan.model_copy(update={"fusion": fusion, "rrf_k": rrf_k or 1})
        return [
            np.array(shares(list(zip(positions.tolist(), scores, strict=True)), branch, plan))
            for positions, scores in lists
        ]

    def _side(self, query: Query, expanded: bool) -> Gathered:
        return query.expanded if expanded and query.expanded else query.plain


def _reordered(gathered: Gathered, order: Positions, scores: Values, choice: Choice) -> Positions:
    """The order with its head scored again, by the function that a search uses."""
    assert gathered.reranked is not None
    at: Mapping[PointId, int] = {gathered.points[position]: int(position) for position in order}
    head = [gathered.points[position] for position in order[: choice.rerank_depth]]
    new = {point: float(gathered.reranked[at[point]]) for point in head}
    usable = {point: score for point, score in new.items() if np.isfinite(score)}
    if not usable:
        return order
    ranked = list(zip(at, scores.tolist(), strict=True))
    found, _ = blended(ranked, usable, choice.rerank_weight)
    return np.array([at[point] for point, _ in found], dtype=np.intp)
