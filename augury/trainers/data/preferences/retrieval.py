"""What an expansion does to a search: the index is searched with it, and the ranking is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ....connector.index import Index
from ....connector.query.clock import Clock
from ....connector.query.compile import QueryVectors
from ....connector.query.core import Found, search_steps
from ....connector.query.expand import combined
from ....connector.query.planner import SearchOptions
from ....connector.query.retriever import TOGETHER, run_together
from ....connector.query.steps import Encode, Step
from ....errors import UsageError
from ....evaluation.measure import deepest, per_query
from ....schemas.document import encoder_text
from ....schemas.expansion import Expansion
from ....schemas.hit import Hit
from ....schemas.points import FloatArray
from .judged import Judged, text_id

DEPTH = 100
"""Documents that are searched for where the measure has no cut-off; one that is lower counts as not found."""


class Ranked(NamedTuple):
    """The measure of the query as it is, and with each expansion ``(samples,)``."""

    plain: float
    expanded: FloatArray


class RetrievalReward:
    """``RetrievalReward(index, SearchOptions(), "RR").of(judged, passages, vectors)``.

    Searches are those of the planner with ``expand="llm"`` and one passage, without reranking and exact: the
    steps are the same, and only the passages' vectors are given instead of encoded again.

    Args:
        measure: of a ranking, from 0 to 1, as ir_measures writes it: ``RR``, ``nDCG@10``.

    Raises:
        UsageError: no branch that is searched reads the dense vector, or the measure is none.
    """

    def __init__(self, index: Index, options: SearchOptions, measure: str) -> None:
        self._retriever = index.retriever
        self._measure = measure
        self._depth = deepest([measure]) or DEPTH
        self._options = options.model_copy(update={"rerank": 0, "expand": "off", "exact": True})
        if not self._retriever.plan("any", self._options).reads_dense:
            raise UsageError(
                "No branch that is searched reads the dense vector, so that expansions change nothing",
                "Search the dense or the scenarios branch too: --branches",
            )

    def of(self, judged: Judged, passages: Sequence[str], vectors: FloatArray) -> Ranked:
        """The measures of one query.

        Args:
            passages: different ones.
            vectors: theirs, by the index's dense encoder, ``(passages, dim)``.
        """
        expansions = [Expansion(mode="off")]
        expansions += [Expansion(mode="llm", passages=(passage,)) for passage in passages]
        found = self._searched(judged, expansions, dict(zip(passages, vectors, strict=True)))
        run = {
            str(number): {name: float(-rank) for rank, name in enumerate(self._names(judged, each.hits))}
            for number, each in enumerate(found)
        }
        grades = dict(judged.grades)
        measured = per_query(dict.fromkeys(run, grades), run, [self._measure])[self._measure]
        values = np.array([measured[str(number)] for number in range(len(found))])
        return Ranked(float(values[0]), values[1:])

    def _searched(
        self, judged: Judged, expansions: Sequence[Expansion], vectors: dict[str, FloatArray]
    ) -> list[Found]:
        retriever = self._retriever
        limit = self._depth + len(judged.dropped)
        plan = retriever.plan(judged.query, self._options.model_copy(update={"limit": limit}))
        plain: QueryVectors = retriever.answers([Encode(plan, Expansion(mode="off"), dense=True)])[0]
        assert plain.dense is not None
        dense, weight = plain.dense, retriever.profile.expansion.query_weight

        def blended(expansion: Expansion) -> QueryVectors:
            rows = [vectors[passage] for passage in expansion.passages]
            return QueryVectors(combined(dense, np.stack(rows), weight) if rows else dense, plain.sparse)

        def answers(steps: Sequence[Step]) -> Sequence[Any]:
            if isinstance(steps[0], Encode):
                return [blended(step.expansion) for step in steps if isinstance(step, Encode)]
            return retriever.answers(steps)

        found: list[Found] = []
        for start in range(0, len(expansions), TOGETHER):
            some = expansions[start : start + TOGETHER]
            searches = [
                search_steps(plan, retriever.profile, expansion, retriever.fields) for expansion in some
            ]
            found += run_together(searches, answers, Clock(len(some)))
        return found

    def _names(self, judged: Judged, hits: Sequence[Hit]) -> list[str]:
        """The documents of hits, as the judgements call them, without those that are dropped."""
        by_text = judged.by_text
        names = []
        for hit in hits:
            if hit.doc_id in judged.dropped:
                continue
            by_words = text_id(encoder_text(hit.title, hit.text)) if by_text else ""
            names.append(by_words if by_words in by_text else hit.doc_id)
        return list(dict.fromkeys(names))[: self._depth]
