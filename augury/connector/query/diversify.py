"""Maximal marginal relevance: hits that are not all the same.

Carbonell and Goldstein, SIGIR 1998, https://doi.org/10.1145/290941.291025. The next hit is the one with the
greatest (1 - diversity) * score - diversity * (its greatest cosine with a hit before it), scores scaled to
0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...schemas.hit import Place
from ...schemas.points import FloatArray, PointId
from .fuse import Ranked, unit_scaled

POOL = 100
"""Candidates that the hits are chosen from; what ranks below is seldom wanted for being different."""


def diversified(
    pool: Ranked, vectors: Mapping[PointId, FloatArray], diversity: float, limit: int
) -> tuple[Ranked, dict[PointId, Place]]:
    """``diversified(pool, vectors, 0.3, 10)``: ``limit`` of the pool, and each one's place and MMR score.

    The pairs keep their own scores, which therefore need not fall. Of equal ones the pool's first wins.

    Args:
        vectors: of every point of the pool, unit length.
        diversity: 0 keeps the order, 1 ignores the scores.
    """
    if not pool:
        return [], {}
    rows = np.stack([vectors[point] for point, _ in pool])  # (pool, dim)
    relevance = (1 - diversity) * np.array(unit_scaled([score for _, score in pool]))
    nearest = np.zeros(len(pool))  # the greatest cosine with a hit chosen so far; nothing is like no hit
    open_ = np.ones(len(pool), dtype=bool)
    chosen: list[tuple[PointId, float]] = []
    places: dict[PointId, Place] = {}
    while len(chosen) < min(limit, len(pool)):
        marginal = np.where(open_, relevance - diversity * nearest, -np.inf)
        pick = int(np.argmax(marginal))
        similar = rows @ rows[pick]
        nearest = np.maximum(nearest, similar) if chosen else similar.astype(np.float64)
        open_[pick] = False
        chosen.append(pool[pick])
        places[pool[pick][0]] = Place(rank=len(chosen), score=float(marginal[pick]))
    return chosen, places
