"""The searches of an evaluation: every query on its own, as a user would send it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from ..connector.query.planner import SearchOptions
from ..connector.query.retriever import Retriever
from ..errors import AuguryError, EndpointError, StoreUnavailable
from ..schemas.details import QueryDetails
from ..schemas.hit import Hit, SearchResult
from ..schemas.plan import QueryPlan
from ..schemas.qnet_search import QNetWork
from .dataset import Dataset
from .details import query_details
from .measure import Run

TOP = 3
"""So many first documents of a query are kept with their titles."""
_AWAY = (StoreUnavailable, EndpointError)
_GIVE_UP_AFTER = 5
"""So many failures of a server one after the other say that it is away, and every query would wait for it."""


@dataclass
class Searched:
    """What the searches gave.

    Attributes:
        run: of every query, empty for one that failed.
        titles: of the first documents, by query id.
        failures: why a query failed, by its id.
        timings_ms: by stage, one number a search that succeeded.
        dropped: documents that were dropped from a run.
        notes: how many searches told each.
        qnet: what each search by q-net took.
        plan: that of the first query that could be planned.
    """

    run: Run = field(default_factory=dict)
    titles: dict[str, dict[str, str]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    timings_ms: dict[str, list[float]] = field(default_factory=dict)
    dropped: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    qnet: list[QNetWork] = field(default_factory=list)
    plan: QueryPlan | None = None


def search_all(
    retriever: Retriever,
    dataset: Dataset,
    options: SearchOptions,
    depth: int,
    progress: Callable[[int, int], None] | None = None,
    details: Callable[[QueryDetails], None] | None = None,
) -> Searched:
    """``search_all(index.retriever, dataset, SearchOptions(), 100).run``: the best ``depth`` documents each.

    Where documents are dropped from a run, so many more are searched for. ``details`` is called with those of
    each query, which are not kept.

    A query whose search raises an ``AuguryError`` is noted, and the others go on. Where all of them fail, or
    a server is away, that error is raised.
    """
    searched = Searched()
    _warm_up(retriever, dataset, options)
    error: AuguryError | None = None
    away = 0
    for done, (query, text) in enumerate(dataset.queries.items(), start=1):
        dropped = dataset.dropped(query)
        searched.run[query] = {}
        plan, hits = None, list[Hit]()
        try:
            deep = options.model_copy(update={"limit": depth + len(dropped)})
            plan = retriever.plan(text, deep)
            searched.plan = searched.plan or plan
            result = retriever.run([plan])[0]
        except AuguryError as failure:
            error = failure
            searched.failures[query] = str(failure)
            away = away + 1 if isinstance(failure, _AWAY) else 0
            if away == _GIVE_UP_AFTER:
                raise
        else:
            away = 0
            hits = _take(searched, query, result, dropped, depth)
        if details:
            details(query_details(query, text, plan, hits, dataset.qrels[query]))
        if progress:
            progress(done, len(dataset.queries))
    if error is not None and len(searched.failures) == len(dataset.queries):
        raise error
    return searched


def _take(
    searched: Searched, query: str, result: SearchResult, dropped: frozenset[str], depth: int
) -> list[Hit]:
    """Count a search in. Returns the hits of its run."""
    kept = [hit for hit in result.hits if hit.doc_id not in dropped]
    searched.dropped += len(result.hits) - len(kept)
    hits = kept[:depth]
    searched.run[query] = {hit.doc_id: hit.score for hit in hits}
    searched.titles[query] = {hit.doc_id: hit.title for hit in hits[:TOP]}
    for stage, spent in result.timings_ms.items():
        searched.timings_ms.setdefault(stage, []).append(spent)
    searched.notes.update(result.notes)
    if result.qnet:
        searched.qnet.append(result.qnet)
    if result.expansion and result.expansion.note:
        searched.notes[result.expansion.note] += 1
    return hits


def _warm_up(retriever: Retriever, dataset: Dataset, options: SearchOptions) -> None:
    """One search that is not counted: the first one loads what the others find loaded."""
    try:
        retriever.search(next(iter(dataset.queries.values())), options)
    except AuguryError:
        return  # told when it is searched in its turn
