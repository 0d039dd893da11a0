"""What a model in training finds: every dev query against every dev document, exactly.

This is what chooses the best checkpoint. Texts go through the encoders that ingest and search use, with the
model's own prompts, and documents are ordered by cosine (dense) or dot product (sparse) as the engine does
it. The gate then measures the chosen model through an index.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer, SparseEncoder
from sentence_transformers.base.evaluation import BaseEvaluator

from ..errors import ModelError
from ..evaluation.measure import Run, deepest, per_query
from ..models.dense import SentenceTransformerEncoder
from ..models.sparse import SpladeEncoder
from ..schemas.document import encoder_text
from ..schemas.points import SparseVector
from ..schemas.training_report import ActiveTerms
from .prepared import Dev

_QUERIES_AT_ONCE = 256
TOO_DENSE = -1.0
"""What a sparse model is worth whose documents have more terms than allowed: less than any other."""


class ExactRetrieval(BaseEvaluator):
    """``ExactRetrieval(dev, "nDCG@10")(model)``: the measure's mean, and of a sparse model its active terms.

    Args:
        precision: what the network computes in, or None for that of its weights.
        max_active: of a sparse model: most terms of its documents on average.
        told: called with what was found and the step.
    """

    def __init__(
        self,
        dev: Dev,
        measure: str,
        *,
        precision: torch.dtype | None = None,
        max_active: int | None = None,
        told: Callable[[dict[str, float], int], None] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.primary_metric = "score"
        self._dev = dev
        self._measure = measure
        self._depth = max(deepest([measure]), 100)
        self._precision = precision
        self._max_active = max_active
        self._told = told

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: float = -1, steps: int = -1
    ) -> dict[str, float]:
        model.eval()
        with torch.autocast(model.device.type, dtype=self._precision, enabled=self._precision is not None):
            found = self._sparse(model) if isinstance(model, SparseEncoder) else self._dense(model)
        if self._told:
            self._told(found, steps)
        return found

    def _dense(self, model: SentenceTransformer) -> dict[str, float]:
        encoder = SentenceTransformerEncoder(model, name="The model in training", revision="")
        documents = encoder.encode_documents(self._texts())  # (docs, dim)
        queries = encoder.encode_queries(list(self._dev.dataset.queries.values()))  # (queries, dim)
        return {"score": self._mean(lambda rows: queries[rows] @ documents.T)}

    def _sparse(self, model: SparseEncoder) -> dict[str, float]:
        encoder = SpladeEncoder(model, name="The model in training", revision="")
        documents = encoder.encode_documents(self._texts())
        queries = encoder.encode_queries(list(self._dev.dataset.queries.values()))
        active = active_terms(queries, documents)
        if min(active.queries, active.documents) == 0:
            raise collapsed(active)
        width = 1 + max(int(each.indices.max(initial=0)) for each in (*queries, *documents))
        right = _matrix(documents, width).T.tocsc()
        left = _matrix(queries, width)
        score = self._mean(lambda rows: (left[rows] @ right).toarray())
        found = {"active_queries": active.queries, "active_documents": active.documents, self._measure: score}
        dense = self._max_active is not None and active.documents > self._max_active
        return {"score": TOO_DENSE if dense else score, **found}

    def _texts(self) -> list[str]:
        return [encoder_text(document.title, document.text) for document in self._dev.corpus]

    def _mean(self, scores_of: Callable[[slice], np.ndarray[Any, Any]]) -> float:
        ids = np.array([document.id for document in self._dev.corpus])
        queries = list(self._dev.dataset.queries)
        run: Run = {}
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            rows = slice(start, start + _QUERIES_AT_ONCE)
            scores = scores_of(rows)  # (queries, docs)
            for query, row in zip(queries[rows], scores, strict=True):
                dropped = self._dev.dataset.dropped(query)
                best = np.argsort(-row, kind="stable")[: self._depth + len(dropped)]
                run[query] = {str(ids[each]): float(row[each]) for each in best if ids[each] not in dropped}
        values = per_query(self._dev.dataset.qrels, run, [self._measure])[self._measure]
        return float(np.mean(list(values.values())))


def active_terms(queries: list[SparseVector], documents: list[SparseVector]) -> ActiveTerms:
    """How many terms the vectors have on average."""
    return ActiveTerms(
        queries=float(np.mean([len(each.indices) for each in queries])),
        documents=float(np.mean([len(each.indices) for each in documents])),
    )


def collapsed(active: ActiveTerms) -> ModelError:
    """What to say of a model whose vectors have become empty."""
    what = "queries" if active.queries == 0 else "documents"
    return ModelError(
        f"The vectors of {what} have no terms left, so that nothing can be found",
        f"Lower flops_{'query' if what == 'queries' else 'document'}, or the learning rate, and begin anew",
    )


def _matrix(vectors: list[SparseVector], width: int) -> Any:
    """(vectors, width), compressed by rows."""
    from scipy.sparse import csr_matrix

    ends = np.cumsum([0, *(len(each.indices) for each in vectors)])
    return csr_matrix(
        (
            np.concatenate([each.values for each in vectors]),
            np.concatenate([each.indices for each in vectors]).astype(np.int64),
            ends,
        ),
        shape=(len(vectors), width),
    )
