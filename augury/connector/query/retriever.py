"""Running plans: the steps of one search or of many, answered in this thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ...errors import AuguryError, QueryError, UsageError
from ...models.encoder import DenseEncoder, SparseEncoder
from ...schemas.expansion import Expansion
from ...schemas.hit import SearchResult
from ...schemas.plan import QueryPlan
from ...schemas.profile import Profile
from ..store.base import Store
from .answers import Answers, Rerankers
from .clock import Clock
from .core import Found, Steps, search_steps
from .encode import QueryEncoder
from .expand import Expander
from .filter_fields import KnownFields
from .from_client import open_client
from .planner import QueryPlanner, SearchOptions, check_plan
from .steps import Step

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

TOGETHER = 64
"""Searches that share a pass; with reranking, each holds some 100 vectors."""


class Retriever:
    """``Retriever(client, "kb").search("my query")`` returns a ``SearchResult``.

    Args:
        store: the app's ``QdrantClient``, which is left open, or the store of an index.
        profile: the collection's name; of a store, its profile.
        dense, sparse: by default those that the index was made with; a store needs them.

    Raises ``IndexNotFound`` where a client's collection is no index: attach to it first.
    """

    def __init__(
        self,
        store: Store | QdrantClient,
        profile: Profile | str,
        dense: DenseEncoder | None = None,
        sparse: SparseEncoder | None = None,
        expander: Expander | None = None,
        rerankers: Rerankers | None = None,
    ) -> None:
        if isinstance(profile, str):
            opened = open_client(store, profile, dense, sparse)
            store, profile, dense, sparse = opened.store, opened.profile, opened.dense, opened.sparse
            expander, rerankers = expander or opened.expander, rerankers or opened.rerankers
        store = cast("Store", store)
        if dense is None:
            raise UsageError("A retriever over a store needs its dense encoder", "Give it, or a QdrantClient")
        self.profile = profile
        self._expander = expander
        self._far = store.far
        self._planner = QueryPlanner()
        self.answers = Answers(
            store,
            QueryEncoder(dense, sparse, profile.expansion.query_weight),
            KnownFields(store, profile),
            expander,
            rerankers,
        )

    def plan(self, query: str, options: SearchOptions | None = None) -> QueryPlan:
        """What a search with these options would do. Raises ``QueryError`` and ``FilterError``."""
        return self._planner.plan(query, self.profile, options or SearchOptions())

    def search(self, query: str, options: SearchOptions | None = None) -> SearchResult:
        """The best documents for one query."""
        return self.search_batch([query], options)[0]

    def search_batch(
        self, queries: Sequence[str], options: SearchOptions | None = None
    ) -> list[SearchResult]:
        """The best documents for each query; encoders and engine are asked once for all of them.

        ``timings_ms`` of each result are those of its pass divided by the queries that shared it.
        """
        return self.run([self.plan(query, options) for query in queries])

    def run(self, plans: Sequence[QueryPlan]) -> list[SearchResult]:
        """``retriever.run([plan])``: what these plans find. Plans may differ in every respect.

        ``TOGETHER`` of them share a pass, so that memory does not grow with their number.
        """
        results: list[SearchResult] = []
        for start in range(0, len(plans), TOGETHER):
            some = plans[start : start + TOGETHER]
            clock = Clock(len(some))
            found = run_together([self.steps(plan) for plan in some], self.answers, clock)
            results += [result(plan, each, clock) for plan, each in zip(some, found, strict=True)]
        return results

    def steps(self, plan: QueryPlan) -> Steps:
        """The steps of a plan, for a driver of one's own. Raises ``QueryError`` if it is another index's."""
        check_plan(plan, self.profile)
        if plan.expand == "off":
            return search_steps(plan, self.profile, Expansion(mode="off"), far=self._far)
        if self._expander is None:
            raise QueryError("This retriever was made without an expander", "Give it one, or search as it is")
        expansion = self._expander.by_rules(plan.query, plan.expand)
        return search_steps(plan, self.profile, expansion, far=self._far)


def result(plan: QueryPlan, found: Found, clock: Clock) -> SearchResult:
    """What a search returns."""
    return SearchResult(
        query=plan.query,
        hits=found.hits,
        plan=plan,
        expansion=found.expansion if plan.expand != "off" else None,
        notes=found.notes,
        timings_ms=clock.timings(),
    )


@dataclass(slots=True, eq=False)
class _Running:
    steps: Steps
    waits: Step | None = None
    found: Found | None = None

    def go_on(self, answer: Any = None, error: AuguryError | None = None) -> None:
        """To the next step, or to the end."""
        try:
            self.waits = self.steps.throw(error) if error else self.steps.send(answer)
        except StopIteration as end:
            self.waits, self.found = None, end.value


def run_together(
    searches: Sequence[Steps], answers: Callable[[Sequence[Step]], Sequence[Any]], clock: Clock
) -> list[Found]:
    """Go through all searches side by side; steps of one kind that wait together are answered together."""
    running = [_Running(steps) for steps in searches]
    for each in running:
        each.go_on()
    while waiting := [each for each in running if each.waits is not None]:
        kind = type(waiting[0].waits)
        together = [each for each in waiting if type(each.waits) is kind]
        steps = [each.waits for each in together if each.waits is not None]
        with clock(steps[0].stage):
            try:
                found, error = answers(steps), None
            except AuguryError as failure:
                found, error = [None] * len(steps), failure
        for each, answer in zip(together, found, strict=True):
            each.go_on(answer, error)
    return [each.found for each in running if each.found is not None]
