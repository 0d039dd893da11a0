"""Train a SPLADE model: ``train_splade(splade_config({"data": "records.jsonl", "to": "my-splade"}))``.

Formal et al. 2021, https://arxiv.org/abs/2109.10086. The regulariser is FLOPS (Paria et al. 2020,
https://arxiv.org/abs/2004.05665): the sum over terms of the squared mean weight in the batch, for queries
and for documents, positives and negatives alike. It is a mean over a worker's batch, and workers' gradients
are averaged as those of the ranking loss are, so that its share of the loss is the same for any number of
workers. Inference-free queries: Geng et al. 2024, https://arxiv.org/abs/2411.04403.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from sentence_transformers import SparseEncoder
from sentence_transformers.base.modules import Router
from sentence_transformers.sparse_encoder import SparseEncoderTrainingArguments
from sentence_transformers.sparse_encoder.callbacks import SpladeRegularizerWeightSchedulerCallback
from sentence_transformers.sparse_encoder.losses import (
    CachedSpladeLoss,
    FlopsLoss,
    SparseDistillKLDivLoss,
    SparseMarginMSELoss,
    SparseMultipleNegativesRankingLoss,
    SpladeLoss,
)
from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding
from torch import Tensor, nn
from transformers import TrainerCallback, set_seed

from ..models.backbone import shipped_prompt
from ..schemas.profile import Profile
from ..schemas.training_report import ActiveTerms, TrainedKind, TrainingReport
from .bases import limit_tokens, open_base
from .checkpoints import SparseTrainer
from .config import SpladeConfig
from .exact import ExactRetrieval, collapsed
from .fitting import Fitted, fit, precision_of
from .gate import Progress, index_profile
from .prepared import Prepared, prepare
from .training import pretrained, quiet, save_model, train
from .workplace import Workplace

_STATIC_RATE = 1e-3
"""Learning rate of the table of query weights, as in the paper above: its entries are far apart."""


def train_splade(config: SpladeConfig, progress: Progress = quiet) -> TrainingReport | None:
    """Train, judge and save a SPLADE model. As ``train_dense``, and:

    Raises:
        ModelError: vectors have lost all their terms.
    """
    return train(config, _Splade(config, max_active=config.max_active), progress)


def build(config: SpladeConfig) -> tuple[SparseEncoder, str]:
    """The model to train, and the revision of its base."""
    set_seed(config.seed)
    model, revision = open_base(SparseEncoder, config.base, "sparse", config.device)
    prompts: dict[str, str | None] = {
        "query": shipped_prompt(model, "query"),
        "document": shipped_prompt(model, "document"),
    }
    if config.queries == "static" and not isinstance(model[0], Router):
        table = SparseStaticEmbedding(model.tokenizer, frozen=False)
        router = Router.for_query_document([table], list(model.children()))  # type: ignore[arg-type]
        model = SparseEncoder(modules=[router], device=str(model.device))
    limit_tokens(model, config.max_tokens)
    model.prompts = prompts
    return model, revision


def splade_loss(model: SparseEncoder, config: SpladeConfig) -> SpladeLoss:
    """The loss that a config asks for, with both regularisers at their full weight."""
    loss: nn.Module
    if config.loss == "margin-mse":
        loss = SparseMarginMSELoss(model)
    elif config.loss == "kl":
        loss = SparseDistillKLDivLoss(model, temperature=config.temperature)
    else:
        loss = SparseMultipleNegativesRankingLoss(model, scale=1 / config.temperature)
    kind: Any = CachedSpladeLoss if config.mini_batch else SpladeLoss
    more = {"mini_batch_size": config.mini_batch} if config.mini_batch else {}
    made: SpladeLoss = kind(
        model,
        loss,
        document_regularizer_weight=config.flops_document,
        query_regularizer_weight=None if has_static_queries(model) else config.flops_query,
        document_regularizer=CountedFlops(model),
        query_regularizer=CountedFlops(model),
        **more,
    )
    return made


def has_static_queries(model: SparseEncoder) -> bool:
    """Whether queries go through a table of weights only, which has as many terms as the query has words."""
    router = model[0]
    if not isinstance(router, Router):
        return False
    queries: Any = router.sub_modules["query"]
    return isinstance(queries[0], SparseStaticEmbedding)


class CountedFlops(FlopsLoss):
    """The library's FLOPS, which also remembers how many terms the vectors of the last batch had."""

    active: float = float("nan")

    def compute_loss_from_embeddings(self, embeddings: Tensor) -> Tensor:
        with torch.no_grad():
            self.active = float((embeddings > 0).sum(dim=1).float().mean())
        return super().compute_loss_from_embeddings(embeddings)


class ActiveWatch(TrainerCallback):
    """Logs the active terms of the last batch, and ends a run whose vectors have none left."""

    def __init__(self, loss: SpladeLoss) -> None:
        self._loss: Any = loss

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        active = self._active()
        if min(active.values()) == 0:
            raise collapsed(ActiveTerms(queries=active.get("queries", 1.0), documents=active["documents"]))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if logs is not None:
            logs.update({f"active_{name}": round(value, 1) for name, value in self._active().items()})

    def _active(self) -> dict[str, float]:
        found = {"documents": float(self._loss.document_regularizer.active)}
        if self._loss.query_regularizer_weight is not None:
            found["queries"] = float(self._loss.query_regularizer.active)
        return found


@dataclass
class _Splade:
    """How a SPLADE model is made, as ``train`` asks for it."""

    config: SpladeConfig
    max_active: int
    kind: TrainedKind = "sparse"
    _built: list[tuple[SparseEncoder, str]] = field(default_factory=list)

    def prepare(self) -> Prepared:
        return prepare(self.config, teacher=self.config.loss != "ranking")

    def revision(self) -> str:
        return self._model()[1]

    def profiles(self, place: Workplace) -> tuple[Profile, Profile]:
        return index_profile("sparse", self.config.base), index_profile("sparse", str(place.model))

    def fit(self, prepared: Prepared, place: Workplace, progress: Progress) -> Fitted:
        config = self.config
        model, _ = self._model()
        loss = splade_loss(model, config)
        evaluator = ExactRetrieval(
            prepared.dev, config.measure, precision=precision_of(config), max_active=config.max_active
        )
        fitted = fit(
            SparseTrainer,
            SparseEncoderTrainingArguments,
            model,
            loss,
            config,
            prepared,
            place,
            evaluator,
            progress,
            prompts=model.prompts,
            callbacks=[
                SpladeRegularizerWeightSchedulerCallback(loss, "quadratic", config.ramp),
                ActiveWatch(loss),
            ],
            learning_rate_mapping={r"SparseStaticEmbedding|sub_modules\.query\.0\.weight": _STATIC_RATE}
            if has_static_queries(model)
            else {},
        )
        save_model(pretrained(model), place.model)
        return fitted

    def _model(self) -> tuple[SparseEncoder, str]:
        if not self._built:
            self._built.append(build(self.config))
        return self._built[0]
