"""What is trained of a Hypencoder: ``Ranker(network, config)(queries, positives, negatives)["loss"]``.

Margin-MSE against a teacher (Hofstaetter et al. 2020, https://arxiv.org/abs/2010.02666) and cross-entropy
over the batch, as in the Hypencoder paper (https://arxiv.org/abs/2502.05364, section 3.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..models.hypernetwork import HypencoderNetwork
from .hypencoder_config import HypencoderTraining

Inputs = Mapping[str, Tensor]
"""Of queries: ``input_ids`` and ``attention_mask``, or ``states``, ``attention_mask`` and ``vectors`` where
the encoder is frozen. Of passages: ``input_ids`` and ``attention_mask``, or ``vectors``."""


class Ranker(nn.Module):
    """``Ranker(network, config)``: a network whose encoder is frozen or not, with its losses.

    The hyper-head and the q-net compute in float32 under any autocast: a correction is smaller than
    bfloat16's rounding of a similarity.
    """

    def __init__(self, network: HypencoderNetwork, config: HypencoderTraining) -> None:
        super().__init__()
        self.network = network
        self._config = config
        for encoder in (network.query_encoder, network.passage_encoder):
            transformer: Any = encoder.transformer
            transformer.requires_grad_(not config.freeze)
            if getattr(transformer, "pooler", None) is not None:
                transformer.pooler.requires_grad_(False)  # no score depends on it

    def forward(
        self,
        queries: Inputs,
        positives: Inputs,
        negatives: Inputs | None = None,
        teacher: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The loss of a batch.

        Args:
            positives: a passage for each query.
            negatives: those of the first query, then those of the second, and so on; as many for each.
            teacher: (queries, 1 + negatives), scores of each positive and its negatives.
        """
        qnets = self.qnets(queries)
        own = self.vectors(positives)  # (queries, dim)
        hard = None
        if negatives is not None:
            hard = self.vectors(negatives).view(len(own), -1, own.shape[-1])  # (queries, negatives, dim)
        with torch.autocast(own.device.type, enabled=False):
            return {"loss": self._loss(qnets, own, hard, teacher)}

    def qnets(self, queries: Inputs) -> tuple[list[Tensor], list[Tensor]]:
        """Weights and biases of a q-net for each query."""
        encoder, mask = self.network.query_encoder, queries["attention_mask"]
        if "states" in queries:
            states, vectors = queries["states"], queries["vectors"]
        else:
            states = encoder.states(queries["input_ids"], mask)
            vectors = encoder.vectors(states, mask)
        with torch.autocast(states.device.type, enabled=False):
            return encoder.qnets(states, mask, vectors)

    def vectors(self, passages: Inputs) -> Tensor:
        """(passages, dim), in float32."""
        if "vectors" in passages:
            return passages["vectors"]
        return self.network.passage_vectors(passages["input_ids"], passages["attention_mask"]).float()

    def _loss(
        self,
        qnets: tuple[list[Tensor], list[Tensor]],
        own: Tensor,
        hard: Tensor | None,
        teacher: Tensor | None,
    ) -> Tensor:
        config, count = self._config, len(own)
        weights, biases = qnets
        whole = config.in_batch == "all" and hard is not None
        shared = torch.cat([own, hard.flatten(0, 1)]) if whole and hard is not None else own  # (items, dim)
        scores = self._scores(weights, biases, shared)  # (queries, items)
        place = torch.arange(count, device=own.device)
        of_hard = None
        if hard is not None:
            if whole:
                of_hard = scores[:, count:].view(count, count, -1)[place, place]  # (queries, negatives)
            else:
                of_hard = self._scores(weights, biases, hard)
        losses = []
        if config.loss != "margin-mse":
            # With a teacher, a query's own negatives are its business alone: it may score them high.
            enough = whole or of_hard is None or config.teacher
            taken = scores if enough or of_hard is None else torch.cat([scores, of_hard], dim=1)
            losses.append(config.contrastive_weight * F.cross_entropy(taken, place))
        if config.teacher and of_hard is not None and teacher is not None:
            margins = scores[place, place].unsqueeze(1) - of_hard
            losses.append(config.margin_weight * F.mse_loss(margins, teacher[:, :1] - teacher[:, 1:]))
        if config.near:
            dot: Any = self.network.qnet
            correction = scores - dot.similarity(weights, shared) / config.temperature
            losses.append(config.near * correction.square().mean())
        return torch.stack(losses).sum()

    def _scores(self, weights: list[Tensor], biases: list[Tensor], items: Tensor) -> Tensor:
        return self.network.score(weights, biases, items) / self._config.temperature
