"""Answering the steps of many searches at once: one call of an encoder, the engine or a reranker for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

from ...errors import ModelError, QueryError
from ...models.reranker import MadeQNet, QNetMaker, TextReranker, VectorReranker
from ...schemas.expansion import Expansion
from ...schemas.points import FloatArray, Page, PointId, Record, ScoredPoint
from ...schemas.profile import RerankKind
from ..store.base import Store
from .compile import QueryVectors
from .encode import QueryEncoder
from .expand import Expander
from .steps import Ask, Differentiate, Encode, Evaluate, Fetch, Look, Make, Score, Search, Step

Rerankers = Callable[[RerankKind], VectorReranker | TextReranker]
"""Gives a reranker of the kind asked for, loaded when it is first wanted."""


class Answers:
    """``Answers(store, encoder, ...)(steps)``: one answer a step; the steps are of one kind.

    Args:
        store: None where somebody else answers what the store is asked.
        expander: for plans that expand; without one those are refused.
        rerankers: the same for plans that rerank.
    """

    def __init__(
        self,
        store: Store | None,
        encoder: QueryEncoder,
        expander: Expander | None = None,
        rerankers: Rerankers | None = None,
    ) -> None:
        self._store = store
        self._encoder = encoder
        self._expander = expander
        self._rerankers = rerankers
        self._kinds: Mapping[type, Callable[[Any], Sequence[Any]]] = {
            Look: self._look,
            Ask: self._ask,
            Encode: self._encode,
            Search: self._search,
            Fetch: self._fetch,
            Score: self._score,
            Make: self._make,
            Evaluate: lambda steps: [step.qnet.score(step.items) for step in steps],
            Differentiate: lambda steps: [step.qnet.gradient(step.items) for step in steps],
        }

    def __call__(self, steps: Sequence[Step]) -> Sequence[Any]:
        """The answers, in the order of the steps."""
        return self._kinds[type(steps[0])](steps)

    def _look(self, steps: Sequence[Look]) -> list[Page]:
        found: dict[str, Page] = {}
        for step in steps:  # searches that go on side by side often have the same filter
            if str(step) not in found:
                found[str(step)] = self._asked.page(
                    step.filter,
                    payload=step.payload,
                    vectors=step.vectors,
                    batch=step.limit,
                    start=step.start,
                )
        return [found[str(step)] for step in steps]

    @property
    def _asked(self) -> Store:
        assert self._store is not None
        return self._store

    def _ask(self, steps: Sequence[Ask]) -> list[Expansion]:
        if self._expander is None:
            raise QueryError("This retriever was made without an expander", "Give it one, or search as it is")
        return self._expander.with_passages(
            [step.query for step in steps], [step.expansion for step in steps]
        )

    def _encode(self, steps: Sequence[Encode]) -> list[QueryVectors]:
        return self._encoder.encode(steps)

    def _search(self, steps: Sequence[Search]) -> list[list[list[ScoredPoint]]]:
        found = iter(self._asked.search_batch([request for step in steps for request in step.requests]))
        return [list(islice(found, len(step.requests))) for step in steps]

    def _fetch(self, steps: Sequence[Fetch]) -> list[dict[PointId, Record]]:
        answers: list[dict[PointId, Record]] = [{} for _ in steps]
        alike: dict[tuple[Any, Any], list[int]] = {}
        for position, step in enumerate(steps):
            alike.setdefault((step.vectors, step.payload), []).append(position)
        for (vectors, payload), positions in alike.items():
            ids = dict.fromkeys(point for position in positions for point in steps[position].ids)
            records = self._asked.vectors(list(ids), vectors, payload=payload)
            for position in positions:
                wanted = steps[position].ids
                answers[position] = {point: records[point] for point in wanted if point in records}
        return answers

    def _score(self, steps: Sequence[Score]) -> Sequence[FloatArray]:
        if self._rerankers is None:
            raise QueryError("This retriever was made without a reranker", "Give it one, or search as it is")
        answers: dict[int, FloatArray] = {}
        kinds = dict.fromkeys(step.rerank.by for step in steps)
        for kind in kinds:
            mine = [position for position, step in enumerate(steps) if step.rerank.by == kind]
            candidates: Any = [steps[position].candidates for position in mine]
            scores = self._rerankers(kind).score([steps[position].query for position in mine], candidates)
            answers.update(zip(mine, scores, strict=True))
        return [answers[position] for position in range(len(steps))]

    def _make(self, steps: Sequence[Make]) -> Sequence[MadeQNet]:
        if self._rerankers is None:
            raise QueryError("This retriever was made without a Hypencoder", "Give it one")
        model = self._rerankers("hypencoder")
        if not isinstance(model, QNetMaker):
            raise ModelError(
                f"{model.name} scores vectors, but makes no q-nets to search by",
                "Use a Hypencoder, or a reranker of your own with a method qnets",
            )
        return model.qnets([step.query for step in steps])
