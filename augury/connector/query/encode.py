"""Queries become vectors: their own words, what the rules add, and passages that an LLM wrote."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...models.encoder import DenseEncoder, SparseEncoder
from ...schemas.expansion import Expansion
from ...schemas.plan import QueryPlan
from ...schemas.points import FloatArray
from .compile import QueryVectors
from .expand import combined

_DENSE = frozenset({"dense", "scenarios"})


class QueryEncoder:
    """``QueryEncoder(dense, sparse, query_weight).encode(plans, expansions)``: the vectors of each query."""

    def __init__(self, dense: DenseEncoder, sparse: SparseEncoder | None, query_weight: float) -> None:
        self._dense = dense
        self._sparse = sparse
        self._query_weight = query_weight

    def encode(self, plans: Sequence[QueryPlan], expansions: Sequence[Expansion]) -> list[QueryVectors]:
        """Dense and sparse vectors, where a branch needs them.

        The sparse branch never sees an LLM's passage; rules only add words to the query's own.
        """
        names = {branch.name for plan in plans for branch in plan.branches}
        dense: Sequence[FloatArray | None] = [None] * len(plans)
        if names & _DENSE:
            dense = self._dense_of(plans, expansions)
        texts = [expansion.rules or plan.query for plan, expansion in zip(plans, expansions, strict=True)]
        sparse = (
            self._sparse.encode_queries(texts) if self._sparse and "sparse" in names else [None] * len(texts)
        )
        vectors = [QueryVectors(*pair) for pair in zip(dense, sparse, strict=True)]
        return self.with_passages(vectors, expansions)

    def with_passages(
        self, vectors: Sequence[QueryVectors], expansions: Sequence[Expansion]
    ) -> list[QueryVectors]:
        """The dense vectors averaged with those of the passages."""
        texts = [passage for expansion in expansions for passage in expansion.passages]
        rows = self._dense.encode_documents(texts) if texts else np.empty((0, 0), dtype=np.float32)
        found: list[QueryVectors] = []
        start = 0
        for query, expansion in zip(vectors, expansions, strict=True):
            end = start + len(expansion.passages)
            if end > start and query.dense is not None:
                query = query._replace(dense=combined(query.dense, rows[start:end], self._query_weight))
            found.append(query)
            start = end
        return found

    def with_dense(
        self, plans: Sequence[QueryPlan], expansions: Sequence[Expansion], vectors: list[QueryVectors]
    ) -> list[QueryVectors]:
        """The dense vector too where only the sparse branch was searched: it names the scenario of a hit."""
        if all(query.dense is not None for query in vectors):
            return vectors
        dense = self._dense_of(plans, expansions)
        return [query._replace(dense=row) for query, row in zip(vectors, dense, strict=True)]

    def _dense_of(self, plans: Sequence[QueryPlan], expansions: Sequence[Expansion]) -> list[FloatArray]:
        """The query's vector, averaged with that of its form by the rules."""
        rules = [expansion.rules for expansion in expansions if expansion.rules]
        rows = self._dense.encode_queries([*(plan.query for plan in plans), *rules])
        ruled = iter(rows[len(plans) :])
        return [
            combined(row, next(ruled)[None, :], 0.5) if expansion.rules else row
            for row, expansion in zip(rows[: len(plans)], expansions, strict=True)
        ]
