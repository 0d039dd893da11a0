"""Fusing ranked lists of passages into one. Ties are broken by id, so the result is always the same.

RRF: Cormack, Clarke and Buettcher, SIGIR 2009, https://doi.org/10.1145/1571941.1572114; a weight scales a
list's share, weight / (k + rank).
DBSF: distribution-based score fusion as Qdrant defines it: each list's scores are scaled so that its mean
plus or minus three standard deviations spans 0 to 1, then summed.
Weighted: a convex combination of scores scaled to 0 to 1 (Bruch, Gai and Ingber, TOIS 2023,
https://doi.org/10.1145/3596512). 0 is the most that a passage could have which the list does not hold: the
score of a full list's last passage, and no score at all where the list holds every passage that has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...schemas.plan import Branch, QueryPlan
from ...schemas.points import PointId

Ranked = Sequence[tuple[PointId, float]]
"""Ids with scores, best first."""


def fuse(lists: Sequence[Ranked], plan: QueryPlan) -> list[tuple[PointId, float]]:
    """``fuse([dense, sparse], plan)``: one list a branch of the plan; every id of any list, best first."""
    if plan.fusion is None:
        return list(lists[0])
    total: dict[PointId, float] = {}
    scale = sum(branch.weight for branch in plan.branches) if plan.fusion == "weighted" else 1.0
    for ranked, branch in zip(lists, plan.branches, strict=True):
        weight = branch.weight / scale if scale else 0.0
        for (point, _), share in zip(ranked, shares(ranked, branch, plan), strict=True):
            total[point] = total.get(point, 0.0) + weight * share
    return ordered(total)


def shares(ranked: Ranked, branch: Branch, plan: QueryPlan) -> list[float]:
    """What each entry of a branch's list adds to its passage's score, before the branch's weight."""
    if plan.fusion == "rrf":
        return _rrf(ranked, plan.rrf_k)
    return _dbsf(ranked) if plan.fusion == "dbsf" else _scaled(ranked, branch)


def ordered(scores: Mapping[PointId, float]) -> list[tuple[PointId, float]]:
    """By falling score, ties by id."""
    return sorted(scores.items(), key=lambda pair: (-pair[1], str(pair[0])))


def unit_scaled(scores: Sequence[float], low: float | None = None) -> list[float]:
    """Scores moved and stretched so that ``low`` (by default the least) becomes 0 and the greatest 1.

    Where all are the same, all become 1: nothing speaks against any of them.
    """
    array = np.asarray(scores, dtype=np.float64)
    if len(array) == 0:
        return []
    low = float(array.min()) if low is None else low
    spread = float(array.max()) - low
    if not spread > np.finfo(np.float64).tiny:  # what is less cannot be divided by
        return [1.0] * len(array)
    return ((array - low) / spread).tolist()  # type: ignore[no-any-return]


def _rrf(ranked: Ranked, k: int) -> list[float]:
    return [1.0 / (k + rank) for rank in range(1, len(ranked) + 1)]


def _dbsf(ranked: Ranked) -> list[float]:
    scores = np.array([score for _, score in ranked], dtype=np.float64)
    if len(scores) == 0:
        return []
    spread = 3 * (scores.std(ddof=1) if len(scores) > 1 else 0.0)
    if spread == 0:
        return [0.5] * len(scores)
    return ((scores - scores.mean() + spread) / (2 * spread)).tolist()  # type: ignore[no-any-return]


def _scaled(ranked: Ranked, branch: Branch) -> list[float]:
    # A sparse search leaves out what shares no term with the query, which is a score of 0.
    unlisted = 0.0 if branch.name == "sparse" and len(ranked) < branch.limit else None
    return unit_scaled([score for _, score in ranked], unlisted)
