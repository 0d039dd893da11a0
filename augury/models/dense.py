"""Dense vectors from a sentence-transformers model: ``load_dense("starter:minilm").encode_queries(texts)``.

Sentence-BERT: Reimers and Gurevych 2019, https://arxiv.org/abs/1908.10084.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from ..errors import ModelError, ModelOutputError
from ..schemas.points import FloatArray
from .backbone import Task, forward, open_model, shipped_prompt
from .device import DtypeName
from .encoder import DenseEncoder
from .registry import refuse_other_kind

MAX_TOKENS = 8192
"""Padded tokens of a batch: 32 passages of 256."""


def load_dense(
    name: str,
    *,
    query_prompt: str = "",
    document_prompt: str = "",
    device: str | None = None,
    dtype: DtypeName | None = None,
    max_tokens_per_batch: int = MAX_TOKENS,
) -> DenseEncoder:
    """``load_dense("starter:minilm")``: a folder, ``starter:`` or hub name, ready to encode.

    Prompts are put before each text; where they are left empty, the model's own are used.

    Raises:
        ModelNotFound: no folder, cache or hub has it.
        ModelFetchError: it could not be fetched, or its weights cannot be read safely.
        ModelError: the files are not a model of this kind.
    """
    refuse_other_kind(name, "dense")
    model, revision = open_model(SentenceTransformer, name, device, dtype)
    return SentenceTransformerEncoder(
        model,
        name=name,
        revision=revision,
        query_prompt=query_prompt,
        document_prompt=document_prompt,
        max_tokens_per_batch=max_tokens_per_batch,
    )


class SentenceTransformerEncoder:
    """``SentenceTransformerEncoder(model, name=..., revision=...)``: texts to unit vectors.

    Callers in other threads wait for each other. The revision does not cover the dtype: vectors in
    bfloat16 and float32 differ by less than a search can tell (cosine above 0.9999).
    """

    def __init__(
        self,
        model: SentenceTransformer,
        *,
        name: str,
        revision: str,
        query_prompt: str = "",
        document_prompt: str = "",
        max_tokens_per_batch: int = MAX_TOKENS,
    ) -> None:
        dim = model.get_embedding_dimension()
        if not dim:
            raise ModelError(f"{name} does not say how long its vectors are", "Use an embedding model")
        self.name = name
        self.revision = revision
        self.dim = dim
        self.query_prompt = query_prompt or shipped_prompt(model, "query")
        self.document_prompt = document_prompt or shipped_prompt(model, "document")
        self._model = model
        self._max_tokens = max_tokens_per_batch
        self._lock = Lock()

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        """``(texts, dim)``, rows of length 1 in the order of the texts.

        Raises:
            ModelOutputError: some rows are NaN, infinite or zero.
            ModelError: the memory does not hold the work on one text.
        """
        return self._encode(texts, "document", self.document_prompt)

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        """As ``encode_documents``, with the query's prompt."""
        return self._encode(texts, "query", self.query_prompt)

    def _encode(self, texts: Sequence[str], task: Task, prompt: str) -> FloatArray:
        vectors = np.empty((len(texts), self.dim), np.float32)
        with self._lock:
            batches = forward(self._model, texts, task=task, prompt=prompt, max_tokens=self._max_tokens)
            for positions, output in batches:
                rows = output[:, : self.dim].to("cpu", torch.float32)  # (positions, dim)
                vectors[positions] = rows.numpy()
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)  # (texts, 1)
        unusable = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
        if len(unusable):
            raise ModelOutputError(
                f"{self.name} gave no usable vector for {len(unusable)} of {len(texts)} texts",
                "Try dtype float32 (AUGURY_DTYPE=float32); if it stays so, the weights are damaged",
                positions=unusable.tolist(),
            )
        vectors /= lengths
        return vectors
