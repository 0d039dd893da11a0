"""Running plans: the steps of one search or of many, answered in this thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import AuguryError, QueryError
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
from .planner import QueryPlanner, SearchOptions, check_plan
from .steps import Step

TOGETHER = 64
"""Searches that share a pass; with reranking, each holds some 100 vectors."""


class Retriever:
    """``Retriever(store, profile, dense, sparse).search("my query")`` returns a ``SearchResult``."""

    def __init__(
        self,
        store: Store,
        profile: Profile,
        dense: DenseEncoder,
        sparse: SparseEncoder | None,
        expander: Expander | None = None,
        rerankers: Rerankers | None = None,
    ) -> None:
        self.profile = profile
        self._expander = expander
        self._far = store.far
        self._planner = QueryPlanner()
        self.answers = Answers(
            store,
            QueryEncoder(dense, sparse, profile.expansion.query_weight),
            KnownFields(store, profile.payload_indexes),
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
        return search_steps(plan, self.profile, self.expansion(plan), far=self._far)

    def expansion(self, plan: QueryPlan) -> Expansion:
        """What the rules make of a plan's query, where it expands."""
        if plan.expand == "off":
            return Expansion(mode="off")
        if self._expander is None:
            raise QueryError("This retriever was made without an expander", "Give it one, or search as it is")
        return self._expander.by_rules(plan.query, plan.expand)


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
