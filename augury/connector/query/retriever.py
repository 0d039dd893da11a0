"""Running a plan: encode, one engine request for all branches, fuse, fetch the hits."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

import numpy as np

from ...errors import ModelError, QueryError
from ...models.encoder import DenseEncoder, SparseEncoder
from ...schemas.expansion import Expansion
from ...schemas.hit import BranchScore, Hit, MatchedScenario, SearchResult
from ...schemas.plan import QueryPlan
from ...schemas.points import FloatArray, PointId, Record, ScoredPoint
from ...schemas.profile import BranchName, Profile
from ..fold import MAX_ALPHA, best_scenario
from ..store.base import Store
from .compile import QueryVectors, ranked_lists, requests
from .encode import QueryEncoder
from .expand import Expander
from .fuse import Ranked, fuse
from .planner import QueryPlanner, SearchOptions
from .unsure import unsure


class Retriever:
    """``Retriever(store, profile, dense, sparse).search("my query")`` returns a ``SearchResult``."""

    def __init__(
        self,
        store: Store,
        profile: Profile,
        dense: DenseEncoder,
        sparse: SparseEncoder | None,
        expander: Expander | None = None,
    ) -> None:
        self._store = store
        self._profile = profile
        self._encoder = QueryEncoder(dense, sparse, profile.expansion.query_weight)
        self._expander = expander
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
        expansions = self._expanded(plans, clock)
        with clock("encode"):
            vectors = self._encoder.encode(plans, expansions)
        found = self._candidates(plans, vectors, clock)
        self._expand_the_unsure(plans, expansions, vectors, found, clock)
        with clock("fetch"):
            records = self._store.vectors(
                list(dict.fromkeys(point for hits in found for point, _ in hits.best)),
                (self._profile.names.dense, self._profile.names.scenarios),
            )
        if any(record.payload.get("scenarios") for record in records.values()):
            with clock("encode"):
                vectors = self._encoder.with_dense(plans, expansions, vectors)
        return [
            SearchResult(
                query=plan.query,
                expansion=expansion if plan.expand != "off" else None,
                hits=[
                    self._hit(records[point], score, hits.places[point], query.dense)
                    for point, score in hits.best
                    if point in records
                ],
                timings_ms=clock.timings(),
            )
            for plan, expansion, query, hits in zip(plans, expansions, vectors, found, strict=True)
        ]

    def _expanded(self, plans: Sequence[QueryPlan], clock: _Clock) -> list[Expansion]:
        """What the rules add to each query, and the LLM where the plan says so at once."""
        if all(plan.expand == "off" for plan in plans):
            return [Expansion(mode=plan.expand) for plan in plans]
        if self._expander is None:
            raise QueryError("This retriever was made without an expander", "Give it one, or search as it is")
        with clock("expand"):
            expansions = [self._expander.by_rules(plan.query, plan.expand) for plan in plans]
            asking = [i for i, plan in enumerate(plans) if plan.expand == "llm" and _is_dense(plan)]
            self._ask(asking, plans, expansions)
        return expansions

    def _expand_the_unsure(
        self,
        plans: Sequence[QueryPlan],
        expansions: list[Expansion],
        vectors: list[QueryVectors],
        found: list[_Found],
        clock: _Clock,
    ) -> None:
        """``auto``: where the first search is unsure, ask the LLM and search again."""
        asking: list[int] = []
        for i, plan in enumerate(plans):
            if plan.expand == "auto" and self._expander is not None and _is_dense(plan):
                doubtful = unsure(found[i].lists, self._profile.expansion.unsure_below)
                expansions[i] = expansions[i].model_copy(update={"unsure": doubtful})
                if doubtful:
                    asking.append(i)
        if not asking:
            return
        with clock("expand"):
            try:
                self._ask(asking, plans, expansions)
            except ModelError as error:  # nobody asked for an LLM in so many words
                for i in asking:
                    expansions[i] = expansions[i].model_copy(update={"note": str(error)})
        changed = [i for i in asking if expansions[i].passages]
        if not changed:
            return
        with clock("encode"):
            again = self._encoder.with_passages(
                [vectors[i] for i in changed], [expansions[i] for i in changed]
            )
        for i, query in zip(changed, again, strict=True):
            vectors[i] = query
        second = self._candidates([plans[i] for i in changed], [vectors[i] for i in changed], clock)
        for i, hits in zip(changed, second, strict=True):
            found[i] = hits

    def _ask(self, asking: Sequence[int], plans: Sequence[QueryPlan], expansions: list[Expansion]) -> None:
        assert self._expander is not None
        asked = self._expander.with_passages(
            [plans[i].query for i in asking], [expansions[i] for i in asking]
        )
        for i, expansion in zip(asking, asked, strict=True):
            expansions[i] = expansion

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
        self.lists = dict(zip((branch.name for branch in plan.branches), lists, strict=True))
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


def _is_dense(plan: QueryPlan) -> bool:
    """Whether a branch reads the dense vector, which is all that passages change."""
    return any(branch.name != "sparse" for branch in plan.branches)


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
