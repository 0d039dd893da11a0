"""Scoring the scenarios branch's candidates by all of their scenarios, instead of the best one alone.

The engine's maximum finds the candidates; their rows come back and give every scenario's similarity. A soft
maximum (log-mean-exp) then ranks a passage that answers the need in several ways above one that does in one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...schemas.plan import QueryPlan
from ...schemas.points import FloatArray, PointId, Record
from ...schemas.profile import VectorNames
from ..fold import best_scenario, soft_maximum
from .fuse import Ranked, ordered


def pooled(
    ranked: Ranked,
    records: Mapping[PointId, Record],
    names: VectorNames,
    query: FloatArray,
    plan: QueryPlan,
) -> Ranked:
    """The branch's list in its new order; points that are gone are left out.

    Args:
        records: with the dense vector and the rows of each.
        query: the query's unit vector, ``(dim,)``.
    """
    alpha = plan.index_alpha if plan.alpha is None else plan.alpha
    scores: dict[PointId, float] = {}
    for point, _ in ranked:
        if point not in records:
            continue
        passage, rows = (records[point].vectors[name] for name in (names.dense, names.scenarios))
        assert isinstance(passage, np.ndarray) and isinstance(rows, np.ndarray)
        dense, similarities = similar(passage, rows, query, plan.index_alpha)
        scores[point] = alpha * dense + (1 - alpha) * soft_maximum(similarities, plan.pool_temperature)
    return ordered(scores)


def similar(
    passage: FloatArray, rows: FloatArray, query: FloatArray, alpha: float
) -> tuple[float, FloatArray]:
    """A query's similarity to a passage and to each of its scenarios, ``(scenarios,)``, from their rows."""
    dense = float(passage @ query)
    return dense, best_scenario(rows @ query, dense, alpha)
