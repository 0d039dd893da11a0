"""Why two runs answer a query differently: the documents that matter, as details tell of them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from pathlib import Path

from ..schemas.details import QueryDetails
from ..schemas.evaluation import Changed, ComparedDocument, Comparison, PlaceInRun
from .details import details_path, read_details
from .measure import Run
from .qrels_file import Qrels
from .reasons import reason

_RELEVANT, _BEFORE, _REASONS = 5, 3, 3
"""So many relevant documents of a query are shown, so many that came before them, and so many reasons."""

Details = Mapping[str, QueryDetails]
"""Query id -> what a details file says of it."""


def details_beside(run_file: Path, run: Run, queries: Collection[str]) -> tuple[Details, str]:
    """``details, note = details_beside(Path("mine.run"), read_run(Path("mine.run")), ["q1"])``.

    ``note`` says why there are none: no file, or one that is not this run's. Raises ``SourceError`` for a
    line that is no line of details.
    """
    path = details_path(run_file)
    if not path.is_file():
        return {}, (
            f"{run_file} has no details that say why a document is where it is. augury evaluate --run writes "
            f"them beside a run, here as {path.name}."
        )
    found, problem = read_details(path, run, queries)
    if problem:
        return {}, (
            f"{path} does not belong to {run_file.name}, since {problem}; it is not used. "
            "augury evaluate --run writes both."
        )
    return found, ""


def explained(
    found: Comparison, runs: tuple[Run, Run], details: tuple[Details, Details], qrels: Qrels
) -> Comparison:
    """``explained(compare(a, b, qrels), (a, b), (details_a, details_b), qrels).won[0].reasons``.

    Adds to the queries that changed most which documents moved and what the details of both runs say of them;
    without details that is their ranks.
    """

    def told(queries: Sequence[Changed]) -> tuple[Changed, ...]:
        return tuple(_explained(each, runs, details, qrels[each.query_id]) for each in queries)

    return found.model_copy(update={"won": told(found.won), "lost": told(found.lost)})


def _explained(
    each: Changed, runs: tuple[Run, Run], details: tuple[Details, Details], judged: Mapping[str, int]
) -> Changed:
    a, b = (_ranks(run.get(each.query_id, {})) for run in runs)
    details_a, details_b = (some.get(each.query_id) for some in details)
    relevant = sorted(
        (document for document in (a | b) if judged.get(document, 0) > 0),
        key=lambda document: -abs(_gain(document, a, b)),
    )[:_RELEVANT]
    sign = 1 if each.b > each.a else -1
    moved = [document for document in relevant if _gain(document, a, b) * sign > 0]
    worse, better = (a, b) if sign > 0 else (b, a)
    before = islice(_before(moved[0], worse, better), _BEFORE) if moved else ()
    documents = {
        document: _document(document, judged.get(document), (a, b), (details_a, details_b))
        for document in (*relevant, *before)
    }
    plan_a, plan_b = (some.plan if some else None for some in (details_a, details_b))
    reasons = [reason(documents[document], (plan_a, plan_b), (len(a), len(b))) for document in moved]
    return each.model_copy(
        update={
            "plan_a": plan_a,
            "plan_b": plan_b,
            "documents": tuple(documents.values()),
            "reasons": tuple(reasons[:_REASONS]),
        }
    )


def _ranks(documents: Mapping[str, float]) -> dict[str, int]:
    return {document: rank for rank, document in enumerate(documents, start=1)}


def _gain(document: str, a: Mapping[str, int], b: Mapping[str, int]) -> float:
    """How much better b has a document, by the discount of nDCG; a run that lacks it has it nowhere."""
    in_a, in_b = (1 / math.log2(1 + ranks[document]) if document in ranks else 0.0 for ranks in (a, b))
    return in_b - in_a


def _before(document: str, worse: Mapping[str, int], better: Mapping[str, int]) -> list[str]:
    """What comes before the document in the worse run and not in the better one."""
    in_worse, in_better = worse.get(document, math.inf), better[document]
    return [
        other for other, rank in worse.items() if rank < in_worse and better.get(other, math.inf) > in_better
    ]


def _document(
    document: str,
    relevance: int | None,
    ranks: tuple[Mapping[str, int], Mapping[str, int]],
    details: tuple[QueryDetails | None, QueryDetails | None],
) -> ComparedDocument:
    title, places = "", []
    for each, some in zip(ranks, details, strict=True):
        hit = next((hit for hit in some.hits if hit.doc_id == document), None) if some else None
        title = title or (hit.title if hit else "")
        place = None
        if document in each:
            place = PlaceInRun(rank=each[document])
            if hit:
                place = PlaceInRun(rank=each[document], chunk=hit.chunk, explanation=hit.explanation)
        places.append(place)
    return ComparedDocument(doc_id=document, title=title, relevance=relevance, a=places[0], b=places[1])
