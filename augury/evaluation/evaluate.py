"""What a search is worth on judged queries: measures with their uncertainty, latency and counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np

from .._version import __version__
from ..connector.index import Index
from ..connector.query.planner import SearchOptions, confined
from ..errors import UsageError
from ..schemas.details import QueryDetails
from ..schemas.evaluation import (
    DocumentCounts,
    Evaluation,
    Latency,
    Mean,
    QueryCounts,
    QueryOutcome,
    Ranked,
)
from ..schemas.qnet_search import QNetWork
from .coverage import coverage
from .dataset import Dataset
from .measure import Run, deepest, per_query
from .qrels_file import Qrels
from .searching import TOP, Searched, search_all
from .statistics import interval

MEASURES = ("nDCG@10", "R@100")
LEAST_DEPTH = 100
_CUTOFFS = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


def evaluate(
    index: Index,
    dataset: Dataset,
    options: SearchOptions | None = None,
    measures: Sequence[str] = MEASURES,
    *,
    depth: int | None = None,
    documents: DocumentCounts | None = None,
    progress: Callable[[int, int], None] | None = None,
    details: Callable[[QueryDetails], None] | None = None,
) -> Evaluation:
    """``evaluate(index, open_dataset("scifact")).measures["nDCG@10"].mean``.

    Every judged query is searched on its own, so that latency is what one user waits for ``depth`` documents.
    A query that fails or finds nothing counts as 0.

    Args:
        options: how to search; what they leave out follows the index's profile.
        measures: as ir_measures writes them; those without a cut-off see ``depth`` documents.
        depth: documents kept of each search; by default what the measures look at, at least 100.
        documents: what ``coverage`` found, where it was called before.
        progress: called with the queries done and all of them.
        details: called with what a comparison may ask about each query; see ``DetailsWriter``.

    Raises:
        UsageError: a measure that is none, or options that ask for passages.
        SourceError: the index holds no judged document.
        AuguryError: that of the last query, where every query failed.
    """
    options = options or SearchOptions()
    if not options.group:
        raise UsageError("Judgements are of documents, and these options ask for passages", "Leave group on")
    depth = max(depth or LEAST_DEPTH, deepest(measures))
    documents = documents or coverage(
        index.store, dataset, index.profile.payload, confined(index.profile, options.tenant)
    )
    searched = search_all(index.retriever, dataset, options, depth, progress, details)
    cutoffs = [cutoff for cutoff in _CUTOFFS if cutoff <= depth]
    curve = [f"R@{cutoff}" for cutoff in cutoffs]
    # Recall apart: the names of measures are the user's, and may be the same.
    values = per_query(dataset.qrels, searched.run, measures)
    recall = per_query(dataset.qrels, searched.run, curve)
    info = index.store.info()
    return Evaluation(
        dataset=dataset.name,
        index=index.where,
        engine=info.engine,
        engine_version=info.version,
        augury_version=__version__,
        date=datetime.now(UTC),
        options=options.model_dump(mode="json", exclude_defaults=True),
        depth=depth,
        exclude_self=dataset.exclude_self,
        measures={name: mean_of(list(each.values())) for name, each in values.items()},
        recall={
            cutoff: float(np.mean(list(recall[name].values())))
            for cutoff, name in zip(cutoffs, curve, strict=True)
        },
        latency={stage: _latency(spent) for stage, spent in searched.timings_ms.items()},
        queries=_counts(dataset, searched),
        documents=documents,
        outcomes=tuple(_outcome(dataset, searched, query, values) for query in dataset.queries),
        profile=index.profile,
        plan=searched.plan,
        run=searched.run,
        notes=tuple(_notes(index, dataset, searched, documents)),
    )


def mean_of(values: Sequence[float]) -> Mean:
    """The mean with its interval."""
    low, high = interval(values)
    return Mean(mean=float(np.mean(values)), low=low, high=high)


def first_documents(run: Run, qrels: Qrels, query: str, titles: dict[str, str] | None = None) -> list[Ranked]:
    """The first documents of a query's run, with what they were judged to be."""
    return [
        Ranked(doc_id=document, title=(titles or {}).get(document, ""), relevance=qrels[query].get(document))
        for document in list(run.get(query, {}))[:TOP]
    ]


def _outcome(
    dataset: Dataset, searched: Searched, query: str, values: dict[str, dict[str, float]]
) -> QueryOutcome:
    found = searched.run[query]
    grades = dataset.qrels[query]
    ranks = (rank for rank, document in enumerate(found, start=1) if grades.get(document, 0) > 0)
    return QueryOutcome(
        query_id=query,
        text=dataset.queries[query],
        values={name: each[query] for name, each in values.items()},
        hits=len(found),
        first_relevant=next(ranks, None),
        top=tuple(first_documents(searched.run, dataset.qrels, query, searched.titles.get(query))),
        error=searched.failures.get(query, ""),
    )


def _latency(spent_ms: Sequence[float]) -> Latency:
    p50, p95 = np.percentile(spent_ms, [50, 95])
    return Latency(p50_ms=round(float(p50), 3), p95_ms=round(float(p95), 3))


def _counts(dataset: Dataset, searched: Searched) -> QueryCounts:
    return QueryCounts(
        searched=len(dataset.queries),
        failed=len(searched.failures),
        without_hits=sum(
            not found for query, found in searched.run.items() if query not in searched.failures
        ),
        without_relevant=sum(
            not any(grade > 0 for grade in judged.values()) for judged in dataset.qrels.values()
        ),
        unjudged=dataset.unjudged,
        without_text=len(dataset.without_text),
    )


def _by_qnet(work: Sequence[QNetWork]) -> str:
    """What searches by q-net took on average."""
    means = {name: np.mean([getattr(each, name) for each in work]) for name in QNetWork.model_fields}
    told = ", ".join(f"{mean:,.1f} {name.replace('_', ' ')}" for name, mean in means.items())
    return f"Searched by q-net; a query took {told} on average."


def _notes(index: Index, dataset: Dataset, searched: Searched, documents: DocumentCounts) -> list[str]:
    counts = _counts(dataset, searched)
    notes = []
    if counts.failed:
        notes.append(f"Failed queries, which count as 0: {counts.failed} of {counts.searched}.")
    if counts.without_text:
        notes.append(
            f"Judged queries without text, which are left out: {counts.without_text}, such as "
            f"{dataset.without_text[0]!r}."
        )
    if counts.without_relevant:
        notes.append(f"Queries without a relevant document, which count as 0: {counts.without_relevant}.")
    if documents.missing:
        notes.append(
            f"Judged documents that are not in the index: {documents.missing} of {documents.judged} "
            f"({documents.missing_relevant} of them relevant), such as {documents.missing_ids[0]!r}."
        )
    if dataset.exclude_self:
        notes.append("A document with the query's own id is dropped from its run.")
    if searched.dropped:
        notes.append(f"Documents that were found and dropped from a run: {searched.dropped}.")
    tuned = index.profile.tuned
    if tuned and tuned.dataset == dataset.name:
        notes.append(
            "The index was tuned on these queries, so that they say too much of it; measure it on others."
        )
    if searched.plan and searched.plan.expand in ("llm", "auto"):
        notes.append("Passages that the LLM had written before came from the cache and took no time.")
    if searched.qnet:
        notes.append(_by_qnet(searched.qnet))
    for note, count in searched.notes.most_common():
        notes.append(note if count == counts.searched else f"{note} ({count} of {counts.searched} queries)")
    return notes
