"""Candidates from searches: what an index ranks high and is no answer, it has yet to learn to rank low."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....connector.index import Index
from ....connector.query.planner import SearchOptions
from ....errors import AuguryError, EndpointError, StoreUnavailable
from ....schemas.hit import Hit, SearchResult
from ....schemas.training import TrainingPassage
from ..near_duplicates import normal
from .asked import Asked
from .candidate import Candidate, Found
from .documents import Documents

_AWAY = (StoreUnavailable, EndpointError)


class SearchFinder:
    """``SearchFinder(index, SearchOptions(branches=("dense",)), first=1, last=100).find(asked)``.

    Args:
        first, last: the ranks that are taken, from 1. Positives keep their ranks and are passed over.
    """

    def __init__(self, index: Index, options: SearchOptions, *, first: int, last: int) -> None:
        self._index = index
        self._options = options.model_copy(update={"limit": last, "group": True})
        self._first = first
        self._documents = Documents(index)

    def find(self, asked: Sequence[Asked]) -> list[Found | AuguryError]:
        """One search a query. A server that is away ends the run, any other failure only its query."""
        results = self._results(asked)
        judged = self._documents.of(doc for each in asked for doc in each.judged)
        vectors = self._index.models.dense.encode_queries([each.query for each in asked]) if judged else ()
        found: list[Found | AuguryError] = []
        for number, (each, result) in enumerate(zip(asked, results, strict=True)):
            if isinstance(result, AuguryError):
                found.append(result)
                continue
            hits = [self._candidate(hit) for hit in result.hits]
            scores = {hit.passage.doc_id: hit for hit in hits}
            by_text = {normal(hit.passage.encoder_text): hit for hit in hits}
            positives = [
                Candidate(passage, score=hit.score if hit else None)
                for passage in each.positives
                for hit in [scores.get(passage.doc_id) or by_text.get(normal(passage.encoder_text))]
            ]
            for doc in each.judged:
                if doc in scores:
                    positives.append(scores[doc])
                elif doc in judged:
                    nearest = judged[doc].nearest(vectors[number])
                    positives.append(Candidate(nearest.passage, nearest.point))
            missing = tuple(doc for doc in each.judged if doc not in judged and doc not in scores)
            found.append(Found(tuple(hits[self._first - 1 :]), tuple(positives), missing))
        return found

    def _results(self, asked: Sequence[Asked]) -> list[SearchResult | AuguryError]:
        retriever = self._index.retriever
        results: dict[int, SearchResult | AuguryError] = {}
        plans: dict[int, Any] = {}
        for number, each in enumerate(asked):
            try:
                plans[number] = retriever.plan(each.query, self._options)
            except AuguryError as error:
                results[number] = error
        try:
            results.update(zip(plans, retriever.run(list(plans.values())), strict=True))
        except _AWAY:
            raise
        except AuguryError:
            for number, plan in plans.items():
                try:
                    results[number] = retriever.run([plan])[0]
                except _AWAY:
                    raise
                except AuguryError as error:
                    results[number] = error
        return [results[number] for number in range(len(asked))]

    def _candidate(self, hit: Hit) -> Candidate:
        passage = TrainingPassage(text=hit.text, title=hit.title, doc_id=hit.doc_id)
        return Candidate(passage, self._index.profile.point_id(hit.doc_id, hit.chunk), hit.score)
