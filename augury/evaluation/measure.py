"""Measures of a run, by ir_measures (https://ir-measur.es)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

import ir_measures

from ..errors import UsageError
from ..schemas.hit import SearchResult
from .qrels_file import Qrels

Run = dict[str, dict[str, float]]
"""Query id -> document id -> score, best first: it is read in the order it is in, not by the scores."""

_DEEPEST = 10_000
_pipeline: Any = ir_measures.DefaultPipeline  # has no types
_WRITE_IT = "Write it like nDCG@10, R@100 or RR@10"


def measure(qrels: Qrels, run: Run, measures: Iterable[str] = ("nDCG@10",)) -> dict[str, float]:
    """``measure(qrels, run, ["nDCG@10", "R@100"])``: the mean over every query of ``qrels``.

    A judged query that the run lacks counts as 0. Raises ``UsageError`` for a measure that is none.
    """
    wanted = parsed(measures)
    found = ir_measures.calc_aggregate(
        list(wanted.values()), qrels, {query: run.get(query, {}) for query in qrels}
    )
    return {name: float(found[each]) for name, each in wanted.items()}


def per_query(qrels: Qrels, run: Run, measures: Iterable[str]) -> dict[str, dict[str, float]]:
    """``per_query(qrels, run, ["nDCG@10"])["nDCG@10"]["q1"]``: the value of every query of ``qrels``.

    The order of a query's documents is that of the run; their scores are not looked at, since each program
    breaks ties in its own way. A judged query that the run lacks has 0.
    """
    wanted = parsed(measures)
    ranked = {query: _by_rank(run.get(query, {})) for query in qrels}
    values = {name: dict.fromkeys(qrels, 0.0) for name in wanted}
    names: dict[Any, list[str]] = {}
    for name, each in wanted.items():
        names.setdefault(each, []).append(name)
    try:
        for query, found, value in ir_measures.iter_calc(list(names), qrels, ranked):
            # Looking one up takes longer than computing it.
            for name in wanted if len(names) == 1 else names[found]:
                values[name][query] = float(value)
    except (subprocess.CalledProcessError, TypeError, ValueError) as error:  # ERR is a script of its own
        raise UsageError(f"One of {', '.join(wanted)} cannot be computed here ({error})", _WRITE_IT) from None
    return values


def parsed(measures: Iterable[str]) -> dict[str, Any]:
    """The measures by the names they were given. Raises ``UsageError`` for one that is none, or of no use.

    Only those whose mean over queries says something are of use, which leaves out counts such as NumRet.
    """
    wanted: dict[str, Any] = {}
    for name in measures:
        try:
            each: Any = ir_measures.parse_measure(name.strip())
            supported: bool = _pipeline.supports(each)
        except AssertionError:
            raise UsageError(f"The measure {name} lacks its cut-off, or has a wrong one", _WRITE_IT) from None
        except (NameError, ValueError, SyntaxError, TypeError) as error:
            raise UsageError(f"There is no such measure as {name!r} ({error})", _WRITE_IT) from error
        if not supported:
            raise UsageError(f"The measure {name} needs a program that is not installed", _WRITE_IT)
        cutoff = each.params.get("cutoff", 1)
        if isinstance(cutoff, bool) or not 1 <= cutoff <= _DEEPEST:  # trec_eval ends the process at 0
            raise UsageError(f"The cut-off of {name} is not from 1 to {_DEEPEST}", _WRITE_IT)
        if str(each.NAME).startswith("Num"):
            raise UsageError(f"{name} is a count and has no mean over queries", _WRITE_IT)
        wanted[name.strip()] = each
    if not wanted:
        raise UsageError("No measure was named", _WRITE_IT)
    return wanted


def deepest(measures: Iterable[str]) -> int:
    """The largest cut-off of the measures; 0 where none has one."""
    return max(int(each.params.get("cutoff", 0)) for each in parsed(measures).values())


def to_run(results: Mapping[str, SearchResult]) -> Run:
    """The documents of search results, by query id. Equal scores keep the order of the hits."""
    return {query: _by_rank([hit.doc_id for hit in result.hits]) for query, result in results.items()}


def _by_rank(documents: Iterable[str]) -> dict[str, float]:
    """Scores by rank, since trec_eval breaks ties by document id and not by the order given."""
    return {document: float(-rank) for rank, document in enumerate(documents)}
