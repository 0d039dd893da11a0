"""Running plans: the steps of one search or of many, answered in this thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from ...errors import AuguryError, QueryError, UsageError
from ...schemas.expansion import Expansion
from ...schemas.hit import SearchResult
from ...schemas.plan import QueryPlan
from ..store.base import Store
from .answers import Answers
from .clock import Clock
from .core import Found, Steps, search_steps
from .encode import QueryEncoder
from .filter_fields import KnownFields
from .parts import RetrieverOptions, SearchParts, search_parts
from .planner import QueryPlanner, SearchOptions, check_plan
from .steps import Step

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

TOGETHER = 64
"""Searches that share a pass; with reranking, each holds some 100 vectors."""


WITH_QNETS = 16
"""The same of searches by q-net, each of which holds one: up to 14 MB at width 768."""


class Retriever:
    """``Retriever(QdrantClient(...), "papers").search("my query")`` returns a ``SearchResult``.

    The collection says itself how it was made: its profile is read, and the encoders are loaded, when the
    retriever is made. So make one for the life of the app; after a re-index make another, since it stays with
    the generation that it began with. Threads may share it; they wait for each other
    only in a model. Beside an event loop, take ``AsyncRetriever``.

    Args:
        client: the app's own. It is used as it is, and never closed.
        collection: its name or an alias.
        options: see ``RetrieverOptions``.

    Raises:
        IndexNotFound: the collection is not there, or Augury has not been there.
        IndexUnfinished, ModelNotFound, ModelMismatch, StoreUnavailable, UsageError
    """

    def __init__(self, client: QdrantClient, collection: str, **options: Unpack[RetrieverOptions]) -> None:
        from qdrant_client import QdrantClient

        from ...schemas.attach import COPY_SUFFIX
        from ..store.server import ServerStore
        from ..store.server_errors import no_collection

        if not isinstance(client, QdrantClient):
            raise UsageError(
                f"A retriever asks a QdrantClient, and was given {type(client).__name__}",
                "Use augury.AsyncRetriever for an AsyncQdrantClient, and augury.open for a folder or a URL",
            )
        store = ServerStore(client, collection)
        store.settle()
        metadata = store.metadata()
        if metadata is None and (copy := store.beside(f"{store.generation}{COPY_SUFFIX}")).exists():
            store, metadata = copy, copy.metadata()  # the index of a collection that an app goes on with
        if metadata is None and not store.exists():
            raise no_collection(store.where)
        self._set(store, search_parts(store.where, metadata, options))

    @classmethod
    def over(cls, store: Store | None, parts: SearchParts) -> Retriever:
        """``Retriever.over(store, parts)``: of what is there already.

        Args:
            store: None where somebody else answers what the store is asked.
        """
        retriever = cls.__new__(cls)
        retriever._set(store, parts)
        return retriever

    def _set(self, store: Store | None, parts: SearchParts) -> None:
        self.profile = parts.profile
        self._expander = parts.expander
        self._far = store is None or store.far
        self._planner = QueryPlanner()
        self.fields = KnownFields(self.profile)
        encoder = QueryEncoder(parts.dense, parts.sparse, self.profile.expansion.query_weight)
        self.answers = Answers(store, encoder, parts.expander, parts.rerankers)

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
        together = WITH_QNETS if any(plan.qnet for plan in plans) else TOGETHER
        for start in range(0, len(plans), together):
            some = plans[start : start + together]
            clock = Clock(len(some))
            found = run_together([self.steps(plan) for plan in some], self.answers, clock)
            results += [result(plan, each, clock) for plan, each in zip(some, found, strict=True)]
        return results

    def steps(self, plan: QueryPlan) -> Steps:
        """The steps of a plan, for a driver of one's own. Raises ``QueryError`` if it is another index's."""
        check_plan(plan, self.profile)
        return search_steps(plan, self.profile, self.expansion(plan), self.fields, far=self._far)

    def expansion(self, plan: QueryPlan) -> Expansion:
        """What the rules make of a plan's query, where it expands."""
        if plan.expand == "off":
            return Expansion(mode="off")
        if self._expander is None:
            raise QueryError("This retriever was made without an expander", "Give it one, or search as it is")
        return self._expander.by_rules(plan.query, plan.expand)

    def close(self) -> None:
        """End the connection to an LLM, if there is one; the client stays open."""
        if self._expander is not None:
            self._expander.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def result(plan: QueryPlan, found: Found, clock: Clock) -> SearchResult:
    """What a search returns."""
    return SearchResult(
        query=plan.query,
        hits=found.hits,
        plan=plan,
        expansion=found.expansion if plan.expand != "off" else None,
        notes=found.notes,
        qnet=found.qnet,
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
