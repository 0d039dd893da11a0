"""The losses of dense training, by the library; vectors are compared as retrieval compares them, by cosine.

InfoNCE over the batch: van den Oord et al. 2018, https://arxiv.org/abs/1807.03748. GradCache: Gao et al.
2021, https://arxiv.org/abs/2101.06983. Margin-MSE: Hofstaetter et al. 2020,
https://arxiv.org/abs/2010.02666. ExpandR: Yao et al. 2025, https://arxiv.org/abs/2502.17057.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.losses.merged_forward import embed_columns
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MarginMSELoss,
    MultipleNegativesRankingLoss,
    TripletLoss,
)
from torch import Tensor, nn
from torch.nn.functional import normalize

from .config import DenseConfig


def dense_loss(model: SentenceTransformer, config: DenseConfig) -> nn.Module:
    """The loss that a config asks for, over the columns query, expansions, positive and negatives."""
    scale = 1 / config.temperature
    loss: nn.Module
    if config.loss == "triplet":
        loss = TripletLoss(model, distance_metric=unit_distance, triplet_margin=config.margin)
    elif config.loss == "margin-mse":
        loss = MarginMSELoss(model, similarity_fct=lambda a, b: scale * (_unit(a) * _unit(b)).sum(dim=-1))
    elif config.mini_batch:
        loss = CachedMultipleNegativesRankingLoss(model, scale=scale, mini_batch_size=config.mini_batch)
    else:
        loss = MultipleNegativesRankingLoss(model, scale=scale)
    return (
        ExpandedQueryLoss(model, loss, config.expansions, config.query_weight) if config.expansions else loss
    )


def unit_distance(a: Tensor, b: Tensor) -> Tensor:
    """(rows, dim), (rows, dim) -> (rows,): distance of the unit vectors; it falls as the cosine rises."""
    distance: Tensor = torch.linalg.vector_norm(_unit(a) - _unit(b), dim=-1)
    return distance


def mean_with_expansions(query: Tensor, expansions: Tensor, query_weight: float) -> Tensor:
    """The mean of a query and its expansions as search makes it, with a gradient.

    Args:
        query: (rows, dim), of any length.
        expansions: (expansions, rows, dim), of any length.

    Returns:
        (rows, dim), of length 1.
    """
    mean = query_weight * _unit(query) + (1 - query_weight) * _unit(expansions).mean(dim=0)
    return _unit(mean)


class ExpandedQueryLoss(nn.Module):
    """``ExpandedQueryLoss(model, loss, expansions=1, query_weight=0.5)``: queries averaged with expansions.

    The columns after the query's are its expansions, which are encoded as documents are.
    """

    def __init__(
        self, model: SentenceTransformer, loss: nn.Module, expansions: int, query_weight: float
    ) -> None:
        super().__init__()
        self.model = model
        self.loss = loss
        self.expansions = expansions
        self.query_weight = query_weight

    def forward(self, sentence_features: Iterable[dict[str, Any]], labels: Tensor | None = None) -> Tensor:
        query, *others = embed_columns(self.model, sentence_features)
        expansions = torch.stack(others[: self.expansions])  # (expansions, rows, dim)
        expanded = mean_with_expansions(query, expansions, self.query_weight)
        compute: Any = self.loss.compute_loss_from_embeddings
        loss: Tensor = compute([expanded, *others[self.expansions :]], labels)
        return loss


def _unit(vectors: Tensor) -> Tensor:
    return normalize(vectors, dim=-1)
