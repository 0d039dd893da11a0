"""Fusing ranked lists of passages into one. Ties are broken by id, so the result is always the same.

RRF: Cormack, Clarke and Buettcher, SIGIR 2009, https://doi.org/10.1145/1571941.1572114; a weight scales a
list's share, weight / (k + rank).
DBSF: distribution-based score fusion as Qdrant defines it: each list's scores are scaled so that its mean
plus or minus three standard deviations spans 0 to 1, then summed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...schemas.points import PointId
from ...schemas.profile import FusionKind

Ranked = Sequence[tuple[PointId, float]]
"""Ids with scores, best first."""


def fuse(
    lists: Sequence[Ranked], weights: Sequence[float], kind: FusionKind, rrf_k: int
) -> list[tuple[PointId, float]]:
    """``fuse([dense, sparse], [1, 1], "rrf", 60)``: every id of any list, best first."""
    total: dict[PointId, float] = {}
    for ranked, weight in zip(lists, weights, strict=True):
        shares = _rrf(ranked, rrf_k) if kind == "rrf" else _dbsf(ranked)
        for (point, _), share in zip(ranked, shares, strict=True):
            total[point] = total.get(point, 0.0) + weight * share
    return ordered(total)


def ordered(scores: Mapping[PointId, float]) -> list[tuple[PointId, float]]:
    """By falling score, ties by id."""
    return sorted(scores.items(), key=lambda pair: (-pair[1], str(pair[0])))


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
