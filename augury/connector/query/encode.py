"""Queries become vectors: their own words, what the rules add, and passages that an LLM wrote."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...models.encoder import DenseEncoder, SparseEncoder
from ...schemas.points import FloatArray, SparseVector
from .compile import QueryVectors
from .expand import combined
from .steps import Encode


class QueryEncoder:
    """``QueryEncoder(dense, sparse, query_weight).encode(steps)``: the vectors that each step asks for."""

    def __init__(self, dense: DenseEncoder, sparse: SparseEncoder | None, query_weight: float) -> None:
        self._dense = dense
        self._sparse = sparse
        self._query_weight = query_weight

    def encode(self, steps: Sequence[Encode]) -> list[QueryVectors]:
        """One pass of each encoder over everything that is asked for.

        The sparse branch never sees an LLM's passage; rules only add words to the query's own.
        """
        dense = self._of_passages(steps, self._of_queries(steps))
        return [QueryVectors(*pair) for pair in zip(dense, self._terms(steps), strict=True)]

    def _of_queries(self, steps: Sequence[Encode]) -> list[FloatArray | None]:
        """Each query's dense vector, averaged with that of its form by the rules."""
        found = [step.known.dense for step in steps]
        asked = [
            position
            for position, step in enumerate(steps)
            if found[position] is None and (step.dense or step.plan.reads_dense)
        ]
        if not asked:
            return found
        rules = [steps[i].expansion.rules for i in asked if steps[i].expansion.rules]
        rows = self._dense.encode_queries([*(steps[i].plan.query for i in asked), *rules])
        ruled = iter(rows[len(asked) :])
        for i, row in zip(asked, rows[: len(asked)], strict=True):
            found[i] = combined(row, next(ruled)[None, :], 0.5) if steps[i].expansion.rules else row
        return found

    def _of_passages(
        self, steps: Sequence[Encode], queries: list[FloatArray | None]
    ) -> list[FloatArray | None]:
        """The dense vectors averaged with those of the passages."""
        asked = [
            step.expansion.passages if query is not None else ()
            for step, query in zip(steps, queries, strict=True)
        ]
        texts = [text for passages in asked for text in passages]
        rows = self._dense.encode_documents(texts) if texts else np.empty((0, 0), dtype=np.float32)
        start = 0
        for i, (passages, query) in enumerate(zip(asked, queries, strict=True)):
            end = start + len(passages)
            if passages and query is not None:
                queries[i] = combined(query, rows[start:end], self._query_weight)
            start = end
        return queries

    def _terms(self, steps: Sequence[Encode]) -> list[SparseVector | None]:
        found = [step.known.sparse for step in steps]
        asked = [
            position
            for position, step in enumerate(steps)
            if found[position] is None and any(branch.name == "sparse" for branch in step.plan.branches)
        ]
        if asked and self._sparse is not None:
            texts = [steps[i].expansion.rules or steps[i].plan.query for i in asked]
            for i, vector in zip(asked, self._sparse.encode_queries(texts), strict=True):
                found[i] = vector
        return found
