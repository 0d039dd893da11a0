"""Every choice of a Hypencoder's training: ``hypencoder_config({"data": "records.jsonl", "to": "m"})``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from ..schemas.profile import Reads
from .config import TrainingConfig, merged_config
from .hypencoder_presets import HYPENCODER_PRESETS

QNetKind = Literal["corrected-dot", "published"]
LAYERS, WIDTH = 1, 128
"""Of the q-net, where nothing is said; the published one is as wide as its base."""


class HypencoderTraining(TrainingConfig):
    """``HypencoderTraining(data="records.jsonl", to="my-reranker", base="starter:minilm")``.

    Attributes:
        base: a dense model or an encoder; or a Hypencoder, which is trained further with the q-net it has.
        qnet: ``corrected-dot`` (the encoder's similarity and a correction that begins at 0) or the
            ``published`` one, from scratch.
        layers, width: of the q-net's hidden blocks; layers may be 0, for a linear correction.
        head: another Hypencoder whose hyper-head is taken to begin with.
        freeze: leave the encoder as it is and train the hyper-head alone. Texts are encoded once.
        reads: what q-nets read: the index's ``dense`` vectors, or vectors of their ``own``.
        pooling: how token states become a vector of its own, for the published q-net.
        first_stage: the dense model whose best hits are scored again, in every evaluation; with ``reads``
            dense it is the base.
        rerank_depth, rerank_weight: as in search.
        loss: ``margin-mse`` (a teacher's margins; records need scores), ``contrastive`` (in-batch
            cross-entropy), or ``both``.
        margin_weight, contrastive_weight: of the two in the sum.
        temperature: scores are divided by it in every loss.
        in_batch: which documents of the other queries are negatives: ``all``, or their ``positives``.
        near: weight of the mean square of the correction (over the temperature), which keeps scores near the
            similarity.
        dropout: share of a q-net block's input that training drops.
        max_query_tokens: as ``max_tokens``, of queries.
        half: write float16.
    """

    base: str = "starter:minilm"
    learning_rate: float = Field(default=1e-3, gt=0)
    qnet: QNetKind | None = None
    layers: int | None = Field(default=None, ge=0, le=16)
    width: int | None = Field(default=None, ge=1)
    head: str = ""
    freeze: bool = True
    reads: Reads = "dense"
    pooling: Literal["cls", "mean"] = "cls"
    first_stage: str = ""
    rerank_depth: int = Field(default=100, ge=1)
    rerank_weight: float = Field(default=1.0, gt=0, le=1)
    loss: Literal["contrastive", "margin-mse", "both"] = "contrastive"
    margin_weight: float = Field(default=1.0, gt=0)
    contrastive_weight: float = Field(default=1.0, gt=0)
    temperature: float = Field(default=0.05, gt=0)
    in_batch: Literal["all", "positives"] = "all"
    near: float = Field(default=0.0, ge=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    max_query_tokens: int | None = Field(default=None, ge=8)
    half: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.reads == "dense" and not self.freeze:
            raise ValueError(
                "an index's dense vectors are those of the encoder as it is. Set reads to own, or freeze"
            )
        if self.reads == "dense" and (self.max_tokens or self.max_query_tokens):
            raise ValueError(
                "an index's dense vectors are of all the tokens that their model reads. Set reads to own, or "
                "leave out max_tokens and max_query_tokens"
            )
        if self.reads == "dense" and self.first_stage:
            raise ValueError("with reads dense, the first stage is the base. Leave out first_stage")
        if self.near and self.qnet == "published":
            raise ValueError("near keeps to a similarity that the published q-net does not have. Set it to 0")
        if self.qnet == "published" and self.layers == 0:
            raise ValueError("the published q-net has hidden layers. Set layers to 1 or more")
        if self.loss != "contrastive" and self.negatives == 0:
            raise ValueError(f"the loss {self.loss} needs a negative. Set negatives to 1 or more")
        if self.batch < 2 and self.negatives == 0:
            raise ValueError("a batch of one query without negatives has nothing to tell apart. Raise batch")
        return self

    @property
    def teacher(self) -> bool:
        """Whether a teacher's scores are needed."""
        return self.loss != "contrastive"


def hypencoder_config(
    given: Mapping[str, Any], *, file: Path | None = None, preset: str = ""
) -> HypencoderTraining:
    """``hypencoder_config({"data": "records.jsonl", "to": "my-reranker"}, preset="minilm")``."""
    return merged_config(HypencoderTraining, given, file, preset, HYPENCODER_PRESETS)
