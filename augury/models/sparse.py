"""Sparse vectors: ``load_sparse("starter:splade-tiny")``, any SPLADE model, or ``load_sparse("bm25")``.

SPLADE: Formal et al. 2021, https://arxiv.org/abs/2107.05720. Models that only weigh a query's own tokens
("inference-free") load by name like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import numpy as np
import torch
from sentence_transformers import SparseEncoder as Library
from sentence_transformers.util import select_max_active_dims

from ..errors import ModelOutputError
from ..schemas.points import SparseVector
from .backbone import Task, forward, open_model, shipped_prompt
from .bm25 import Bm25Encoder, is_bm25
from .device import DtypeName
from .encoder import SparseEncoder
from .registry import refuse_other_kind
from .resolve import resolve
from .splade import pool_in_blocks
from .splade_int8 import is_int8, open_int8

MAX_TOKENS = 8192
"""Padded tokens of a batch."""
MAX_TOKENS_WITH_LOGITS = 2048
"""The same where the library holds the logits of all tokens: 250 MB at 30,522 terms."""


def load_sparse(
    name: str,
    *,
    device: str | None = None,
    dtype: DtypeName | None = None,
    max_tokens_per_batch: int | None = None,
) -> SparseEncoder:
    """``load_sparse("starter:splade-tiny")``: a folder, ``starter:`` or hub name, or ``bm25``,
    also with parameters, as in ``bm25:k=0.9,b=0.4``.

    Raises:
        ModelNotFound: no folder, cache or hub has it.
        ModelFetchError: it could not be fetched, or its weights cannot be read safely.
        ModelError: the files are not a model of this kind.
        MissingDependency: it is in int8, and ``augury[onnx]`` is not installed.
    """
    if is_bm25(name):
        return Bm25Encoder.named(name)
    refuse_other_kind(name, "sparse")
    found = resolve(name)
    if is_int8(found.path):
        return SpladeEncoder(
            open_int8(found.path),
            name=name,
            revision=found.revision,
            max_tokens_per_batch=max_tokens_per_batch or MAX_TOKENS_WITH_LOGITS,
        )
    model, revision = open_model(Library, name, device, dtype)
    in_blocks = pool_in_blocks(model)
    tokens = max_tokens_per_batch or (MAX_TOKENS if in_blocks else MAX_TOKENS_WITH_LOGITS)
    return SpladeEncoder(model, name=name, revision=revision, max_tokens_per_batch=tokens)


class SpladeEncoder:
    """``SpladeEncoder(model, name=..., revision=...)``: texts to weights of the model's vocabulary.

    Callers in other threads wait for each other.
    """

    idf = False

    def __init__(
        self,
        model: Library,
        *,
        name: str,
        revision: str,
        max_tokens_per_batch: int = MAX_TOKENS_WITH_LOGITS,
    ) -> None:
        self.name = name
        self.revision = revision
        self._model = model
        self._max_tokens = max_tokens_per_batch
        self._lock = Lock()

    def encode_documents(self, texts: Sequence[str]) -> list[SparseVector]:
        """One vector a text, in their order.

        Raises:
            ModelOutputError: some weights are NaN or infinite.
            ModelError: the memory does not hold the work on one text.
        """
        return self._encode(texts, "document")

    def encode_queries(self, texts: Sequence[str]) -> list[SparseVector]:
        """As ``encode_documents``, by the model's way for queries."""
        return self._encode(texts, "query")

    def _encode(self, texts: Sequence[str], task: Task) -> list[SparseVector]:
        found: dict[int, SparseVector] = {}
        unusable: list[int] = []
        prompt = shipped_prompt(self._model, task)
        with self._lock:
            for positions, output in forward(
                self._model, texts, task=task, prompt=prompt, max_tokens=self._max_tokens
            ):
                bad = ~torch.isfinite(output).all(dim=1)  # (positions,)
                unusable += [positions[row] for row in torch.nonzero(bad).flatten().tolist()]
                found.update(zip(positions, self._vectors(output), strict=True))
        if unusable:
            raise ModelOutputError(
                f"{self.name} gave no usable weights for {len(unusable)} of {len(texts)} texts",
                "Try dtype float32 (AUGURY_DTYPE=float32); if it stays so, the weights are damaged",
                positions=sorted(unusable),
            )
        return [found[position] for position in range(len(texts))]

    def _vectors(self, output: torch.Tensor) -> list[SparseVector]:
        """The weights above 0 of each row of ``output`` (texts, terms)."""
        if self._model.max_active_dims is not None:
            output = select_max_active_dims(output, max_active_dims=self._model.max_active_dims)
        rows, terms = torch.nonzero(output > 0, as_tuple=True)  # ascending within a row
        weights = output[rows, terms].to("cpu", torch.float32).numpy()
        ends = np.cumsum(torch.bincount(rows, minlength=len(output)).cpu().numpy())[:-1]
        indices = terms.cpu().numpy().astype(np.uint32)
        parts = zip(np.split(indices, ends), np.split(weights, ends), strict=True)
        return [SparseVector(index, weight) for index, weight in parts]
