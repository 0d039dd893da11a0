"""Rerank by reading query and passage together: ``load_cross_encoder(name).score(queries, texts)``.

Nogueira and Cho 2019, https://arxiv.org/abs/1901.04085: the most exact of the rerankers, and the slowest,
since nothing of a passage can be computed beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from threading import Lock

import numpy as np
import torch
from sentence_transformers import CrossEncoder

from ..errors import ModelError, ModelOutputError
from ..schemas.points import FloatArray
from .backbone import open_model
from .batching import halving
from .device import DtypeName
from .registry import refuse_other_kind

BATCH = 32
"""Pairs that go through the model together."""


def load_cross_encoder(
    name: str, *, device: str | None = None, dtype: DtypeName | None = None
) -> CrossEncoderReranker:
    """``load_cross_encoder("cross-encoder/ms-marco-MiniLM-L6-v2")``: a folder or hub name, ready to score.

    Raises:
        ModelNotFound: no folder, cache or hub has it.
        ModelFetchError: it could not be fetched, or its weights cannot be read safely.
        ModelError: the files are not a model of this kind, or it gives more than one score.
    """
    refuse_other_kind(name, "cross-encoder")
    model, revision = open_model(CrossEncoder, name, device, dtype)
    return CrossEncoderReranker(model, name=name, revision=revision)


class CrossEncoderReranker:
    """``CrossEncoderReranker(model, name=..., revision=...)``: queries and texts to scores.

    Callers in other threads wait for each other.
    """

    def __init__(self, model: CrossEncoder, *, name: str, revision: str) -> None:
        if model.num_labels != 1:
            raise ModelError(
                f"{name} gives {model.num_labels} scores for a pair, and a reranker needs one",
                "Use a cross-encoder that was trained for ranking",
            )
        self.name = name
        self.revision = revision
        self._model = model
        self._lock = Lock()

    def score(self, queries: Sequence[str], candidates: Sequence[Sequence[str]]) -> list[FloatArray]:
        """For each query the logits ``(n,)`` of its own ``n`` texts: any real numbers, higher is better.

        Raises:
            ModelOutputError: some scores are NaN or infinite; positions are those of the queries.
            ModelError: the memory does not hold the work on one pair.
        """
        pairs = [(query, text) for query, own in zip(queries, candidates, strict=True) for text in own]
        scores = np.empty(len(pairs), np.float32)
        with self._lock:
            for positions, output in halving(lambda part: self._predict(pairs, part), range(len(pairs))):
                scores[positions] = output
        ends = list(accumulate(len(own) for own in candidates))
        per_query = np.split(scores, ends[:-1])
        unusable = [place for place, found in enumerate(per_query) if not np.isfinite(found).all()]
        if unusable:
            raise ModelOutputError(
                f"{self.name} gave no usable score for {len(unusable)} of {len(queries)} queries",
                "Try dtype float32 (AUGURY_DTYPE=float32); if it stays so, the weights are damaged",
                positions=unusable,
            )
        return per_query if queries else []

    def _predict(self, pairs: list[tuple[str, str]], positions: list[int]) -> FloatArray:
        # All pairs at once, as the library sorts them by length before it cuts batches. No sigmoid: it keeps
        # the order, but in float32 it is exactly 1 from a logit of 17 on, and the best passages would be
        # tied.
        some = [pairs[position] for position in positions]
        found: FloatArray = self._model.predict(
            some, batch_size=BATCH, show_progress_bar=False, activation_fn=torch.nn.Identity()
        )
        return found
