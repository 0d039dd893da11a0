"""Running a plan: encode, one engine request for all branches, fuse, fetch the hits."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

import numpy as np

from ...models.encoder import DenseEncoder, SparseEncoder
from ...schemas.hit import BranchScore, Hit, MatchedScenario, SearchResult
from ...schemas.plan import QueryPlan
from ...schemas.points import FloatArray, PointId, Record, ScoredPoint
from ...schemas.profile import BranchName, Profile
from ..fold import MAX_ALPHA, best_scenario
from ..store.base import Store
from .compile import QueryVectors, ranked_lists, requests
from .fuse import Ranked, fuse
from .planner import QueryPlanner, SearchOptions


class Retriever:
    """``Retriever(store, profile, dense, sparse).search("my query")`` returns a ``SearchResult``."""

    def __init__(
        self, store: Store, profile: Profile, dense: DenseEncoder, sparse: SparseEncoder | None
    ) -> None:
        self._store = store
        self._profile = profile
        self._dense = dense
        self._sparse = sparse
        self._planner = QueryPlanner()

    def search(self, query: str, options: SearchOptions | None = None) -> SearchResult:
        """The best documents for one query."""
        return self.search_batch([query], options)[0]

    def search_batch(
        self, queries: Sequence[str], options: SearchOptions | None = None
    ) -> list[SearchResult]:
        """The best documents for each query; the engine is asked once for all of them.

        ``timings_ms`` of each result are those of the whole batch divided by the number of queries.
        """
        plans = [self._planner.plan(query, self._profile, options or SearchOptions()) for query in queries]
        if not plans:
            return []
        clock = _Clock(len(plans))
        with clock("encode"):
            vectors = self._encode(plans)
        found = self._candidates(plans, vectors, clock)
        with clock("fetch"):
            records = self._store.vectors(
                list(dict.fromkeys(point for hits in found for point, _ in hits.best)),
                (self._profile.names.dense, self._profile.names.scenarios),
            )
        if any(record.payload.get("scenarios") for record in records.values()):
            with clock("encode"):
                vectors = self._with_dense(plans, vectors)
        return [
            SearchResult(
                query=plan.query,
                hits=[
                    self._hit(records[point], score, hits.places[point], query.dense)
                    for point, score in hits.best
                    if point in records
                ],
                timings_ms=clock.timings(),
            )
            for plan, query, hits in zip(plans, vectors, found, strict=True)
        ]

    def _encode(self, plans: Sequence[QueryPlan]) -> list[QueryVectors]:
        texts = [plan.query for plan in plans]
        names = {branch.name for plan in plans for branch in plan.branches}
        dense = self._dense.encode_queries(texts) if names & {"dense", "scenarios"} else [None] * len(texts)
        sparse = (
            self._sparse.encode_queries(texts) if self._sparse and "sparse" in names else [None] * len(texts)
        )
        return [QueryVectors(*pair) for pair in zip(dense, sparse, strict=True)]

    def _with_dense(self, plans: Sequence[QueryPlan], vectors: list[QueryVectors]) -> list[QueryVectors]:
        """Hits of the sparse branch name the scenario that matched too, so they need the dense vector."""
        if all(query.dense is not None for query in vectors):
            return vectors
        dense = self._dense.encode_queries([plan.query for plan in plans])
        return [query._replace(dense=row) for query, row in zip(vectors, dense, strict=True)]

    def _candidates(
        self, plans: Sequence[QueryPlan], vectors: Sequence[QueryVectors], clock: _Clock
    ) -> list[_Found]:
        asked = [
            requests(plan, self._profile.names, query) for plan, query in zip(plans, vectors, strict=True)
        ]
        with clock("search"):
            answers = iter(self._store.search_batch([request for own in asked for request in own]))
        found: list[_Found] = []
        for plan, query, own in zip(plans, vectors, asked, strict=True):
            mine = list(islice(answers, len(own)))
            hits = _Found(plan, mine)
            if hits.may_lack_documents(plan, mine):
                hits = self._candidates([_wider(plan)], [query], clock)[0]
            found.append(hits)
        return found

    def _hit(
        self,
        record: Record,
        score: float,
        branches: dict[BranchName, BranchScore],
        query: FloatArray | None,
    ) -> Hit:
        payload = record.payload
        return Hit(
            doc_id=payload["doc_id"],
            score=score,
            title=payload.get("title", ""),
            text=payload.get("text", ""),
            chunk=payload.get("chunk", 0),
            source=payload.get("source", ""),
            metadata=payload.get("metadata", {}),
            scenario=self._matched(record, query),
            branches=branches,
        )

    def _matched(self, record: Record, query: FloatArray | None) -> MatchedScenario | None:
        """The scenario nearest to the query, worked out from the rows that came with the hit."""
        alpha = self._profile.scenarios.alpha
        texts = record.payload.get("scenarios") or []
        if query is None or not texts or alpha > MAX_ALPHA:
            return None
        rows = record.vectors[self._profile.names.scenarios]
        passage = record.vectors[self._profile.names.dense]
        assert isinstance(rows, np.ndarray) and isinstance(passage, np.ndarray)
        similarities = best_scenario(rows @ query, float(passage @ query), alpha)  # (scenarios,)
        best = int(np.argmax(similarities))
        scenario = texts[best]
        return MatchedScenario(
            need=scenario["need"],
            explanation=scenario.get("explanation", ""),
            generator=scenario.get("generator", ""),
            similarity=float(similarities[best]),
        )


class _Found:
    """The best candidates of one plan, and where each branch had put them."""

    def __init__(self, plan: QueryPlan, answers: Sequence[list[ScoredPoint]]) -> None:
        lists = ranked_lists(plan, answers)
        document = {point.id: str(point.payload["doc_id"]) for answer in answers for point in answer}
        fused: Ranked = (
            fuse(lists, [branch.weight for branch in plan.branches], plan.fusion, plan.rrf_k)
            if plan.fusion
            else lists[0]
        )
        if plan.group:
            best: dict[str, tuple[PointId, float]] = {}
            for point, score in fused:
                best.setdefault(document[point], (point, score))
            fused = list(best.values())
        self.documents = len(fused)
        self.best = list(fused)[: plan.limit]
        self.places: dict[PointId, dict[BranchName, BranchScore]] = {point: {} for point, _ in self.best}
        for branch, ranked in zip(plan.branches, lists, strict=True):
            for rank, (point, score) in enumerate(ranked, start=1):
                if point in self.places:
                    self.places[point][branch.name] = BranchScore(rank=rank, score=score)

    def may_lack_documents(self, plan: QueryPlan, answers: Sequence[list[ScoredPoint]]) -> bool:
        """Whether grouping left too few documents although a branch had more passages to give."""
        limit = plan.branches[0].limit
        return self.documents < plan.limit and any(len(answer) >= limit for answer in answers)


def _wider(plan: QueryPlan) -> QueryPlan:
    branches = tuple(branch.model_copy(update={"limit": branch.limit * 4}) for branch in plan.branches)
    return plan.model_copy(update={"branches": branches})


class _Clock:
    """Milliseconds per stage and query."""

    def __init__(self, queries: int) -> None:
        self._queries = queries
        self._started = time.perf_counter()
        self._spent: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._spent[stage] = self._spent.get(stage, 0.0) + time.perf_counter() - started

    def timings(self) -> dict[str, float]:
        total = {**self._spent, "total": time.perf_counter() - self._started}
        return {stage: round(1000 * spent / self._queries, 3) for stage, spent in total.items()}
