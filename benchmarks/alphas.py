"""The folded branch alone, at every alpha: ``by_alpha(index, dataset)`` from one pass of searches."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

import augury
from augury.connector.query.planner import SearchOptions
from augury.evaluation.dataset import Dataset
from augury.evaluation.tuning.gather import gather
from augury.evaluation.tuning.knobs import ALPHAS
from augury.evaluation.tuning.rankings import Choice, Rankings

MEASURE = "nDCG@10"


def by_alpha(index: augury.Index, dataset: Dataset) -> npt.NDArray[np.float64]:
    """nDCG@10 of each query, ``(alphas, queries)``; the alphas are those that ``augury tune`` tries."""
    every = SearchOptions(branches=("scenarios", "dense"), candidates=200, limit=1)
    queries = gather(index.retriever, dataset, lambda text: index.retriever.plan(text, every))
    rankings = Rankings(queries, dataset, index.retriever.plan("any", every), 100, 10)
    ways = [Choice(alpha, "max", 0.1, "dbsf", (("scenarios", 1.0),), 60) for alpha in ALPHAS]
    return np.array([rankings.values(way, MEASURE) for way in ways])
