"""Measures of a run, by ir_measures (https://ir-measur.es)."""

from __future__ import annotations

from collections.abc import Iterable

import ir_measures

from ..errors import UsageError
from ..schemas.hit import SearchResult
from .beir import Qrels

Run = dict[str, dict[str, float]]
"""Query id -> document id -> score."""


def measure(qrels: Qrels, run: Run, measures: Iterable[str] = ("nDCG@10",)) -> dict[str, float]:
    """``measure(qrels, run, ["nDCG@10", "R@100"])``: the mean over every query of ``qrels``.

    A judged query that the run lacks counts as 0. Raises ``UsageError`` for a measure that is none.
    """
    try:
        wanted = {name: ir_measures.parse_measure(name) for name in measures}
    except (NameError, ValueError, SyntaxError) as error:
        raise UsageError(
            f"There is no such measure ({error})", "Write it like nDCG@10, R@100 or RR@10"
        ) from error
    found = ir_measures.calc_aggregate(
        list(wanted.values()), qrels, {query: run.get(query, {}) for query in qrels}
    )
    return {name: float(found[parsed]) for name, parsed in wanted.items()}


def to_run(results: dict[str, SearchResult]) -> Run:
    """The documents of search results, by query id. Equal scores keep the order of the hits."""
    return {
        query: {hit.doc_id: score for hit, score in zip(result.hits, _strictly_falling(result), strict=True)}
        for query, result in results.items()
    }


def _strictly_falling(result: SearchResult) -> list[float]:
    """Scores by rank, since trec_eval breaks ties by document id and not by the order given."""
    return [float(-rank) for rank in range(len(result.hits))]
