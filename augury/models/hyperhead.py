"""From a query's token states to its q-net: ``weights, biases = HyperHead(...)(states, mask)``.

Hypencoder: Killingback, Zeng and Zamani 2025, https://arxiv.org/abs/2502.05364, section 3.3. Every column of
every weight matrix is a learned question that attends to the query's tokens; what it finds is normalised,
projected, and added to a learned base that all queries share. Parameters have the names and shapes of the
published checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .qnet import Shapes, layer_norm

QUERY_EMBEDDING_STD = 10.0
GROUPS = (
    "hyper_base_matrices",
    "hyper_base_vectors",
    "weight_query_embeddings",
    "bias_query_embeddings",
    "weight_hyper_projection",
    "bias_hyper_projection",
    "key_projections",
    "value_projections",
)
"""What the parameters of a hyper-head are called, as published."""


class HyperHead(nn.Module):
    """``HyperHead(qnet.weight_shapes, qnet.bias_shapes, width)``: makes q-nets for a batch of queries.

    Args:
        weight_shapes: (in, out) of each weight matrix.
        bias_shapes: (dim, 1) of each bias.
        width: width of the token states.
        seed: of the initial values; the caller's random state stays as it is.
    """

    def __init__(self, weight_shapes: Shapes, bias_shapes: Shapes, width: int, *, seed: int = 1) -> None:
        super().__init__()
        self.weight_shapes = weight_shapes
        self.bias_shapes = bias_shapes
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.hyper_base_matrices = _zeros((1, out, into) for into, out in weight_shapes)
            self.hyper_base_vectors = _zeros((out, into) for into, out in bias_shapes)
            self.weight_query_embeddings = _zeros((1, out, into) for into, out in weight_shapes)
            self.bias_query_embeddings = _zeros((1, out, into) for into, out in bias_shapes)
            self.weight_hyper_projection = _linears((into, into) for into, _ in weight_shapes)
            self.bias_hyper_projection = _linears((into, into) for into, _ in bias_shapes)
            every = (*weight_shapes, *bias_shapes)
            self.key_projections = _linears((width, into) for into, _ in every)
            self.value_projections = _linears((width, into) for into, _ in every)
            self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        """The published initial values; theirs are written for a width of 768, here they follow the width."""
        for place, (into, _) in enumerate(self.weight_shapes):
            nn.init.normal_(self.hyper_base_matrices[place], std=math.sqrt(2 / into))
            nn.init.normal_(self.weight_query_embeddings[place], std=QUERY_EMBEDDING_STD)
            projection = self.weight_hyper_projection[place]
            nn.init.normal_(projection.get_parameter("weight"), std=1 / into**2)
            # Of the weights' projections only: the published code leaves those of the biases as they come.
            for linear in (projection, self.key_projections[place], self.value_projections[place]):
                nn.init.zeros_(linear.get_parameter("bias"))
        for embedding in self.bias_query_embeddings:
            nn.init.normal_(embedding, std=QUERY_EMBEDDING_STD)

    @torch.no_grad()
    def silence_last(self) -> None:
        """Let the last weight of every q-net be 0 until it is trained."""
        nn.init.zeros_(self.hyper_base_matrices[-1])
        nn.init.zeros_(self.weight_hyper_projection[-1].get_parameter("weight"))

    def forward(self, states: Tensor, attention_mask: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Weights and biases of one q-net per query.

        Args:
            states: (queries, tokens, width).
            attention_mask: (queries, tokens), 0 where padding is.

        Returns:
            weights, each (queries, in, out), and biases, each (queries, 1, dim).
        """
        padding = (attention_mask == 0).unsqueeze(-1)  # (queries, tokens, 1)
        weights, biases = [], []
        for place, (_, out) in enumerate(self.weight_shapes):
            found = self._attend(place, states, padding, self.weight_query_embeddings[place], out)
            projection = self.weight_hyper_projection[place]
            # Its bias goes with the base: on its own it would be one more pass over the largest tensor here.
            base = self.hyper_base_matrices[place] + projection.get_parameter("bias")  # (1, out, in)
            made = (found @ projection.get_parameter("weight").T).add_(base)
            weights.append(made.transpose(1, 2))  # (queries, in, out)
        for place, (_, out) in enumerate(self.bias_shapes):
            offset = len(self.weight_shapes) + place
            found = self._attend(offset, states, padding, self.bias_query_embeddings[place], out)
            made = self.bias_hyper_projection[place](found)
            biases.append(made.add_(self.hyper_base_vectors[place]))  # (queries, 1, dim)
        return weights, biases

    def _attend(self, place: int, states: Tensor, padding: Tensor, questions: Tensor, out: int) -> Tensor:
        """What each of the questions (1, out, in) finds among the tokens, normalised: (queries, out, in)."""
        keys = self.key_projections[place](states)  # (queries, tokens, in)
        values = self.value_projections[place](states)  # (queries, tokens, in)
        # The paper divides by the root of the keys' width, the published code by that of the number of
        # questions: sqrt(out) for hidden layers, but 1 for the last weight and for every bias. The published
        # weights were trained so and mean nothing otherwise.
        scores = F.linear(keys, questions[0]) / math.sqrt(out)  # (queries, tokens, out)
        attention = scores.masked_fill(padding, -math.inf).softmax(dim=1)
        found = attention.transpose(1, 2) @ values  # (queries, out, in)
        return layer_norm(found.relu_())


def _zeros(shapes: Iterable[tuple[int, ...]]) -> nn.ParameterList:
    return nn.ParameterList([nn.Parameter(torch.zeros(shape)) for shape in shapes])


def _linears(shapes: Iterable[tuple[int, int]]) -> nn.ModuleList:
    return nn.ModuleList([nn.Linear(into, out) for into, out in shapes])
