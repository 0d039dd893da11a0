"""SPLADE without the logits: a maximum over tokens, taken block by block.

SPLADE (Formal et al. 2021, https://arxiv.org/abs/2107.05720) gives term j of a text the weight
max over tokens i of log(1 + relu(h_i . w_j + b_j)). Written down as it stands, that is a
(texts, tokens, 30522) tensor which is read and written several times, though only its maxima are wanted.
All of + b_j, relu and log1p are monotone, so they commute with the maximum, and the product can be taken
for a few texts and a few hundred terms at a time, small enough to stay in the processor's cache.
"""

from __future__ import annotations

import logging
from typing import Any

import torch
from sentence_transformers import SparseEncoder
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sparse_encoder.modules import SpladePooling
from torch import nn

CPU_BLOCK_PER_THREAD = 256 * 1024
"""Numbers of a block: 1 MiB of float32 for each core's level-2 cache. Smaller ones make the threads wait
for each other more often, larger ones fall out of the cache."""
GPU_BLOCK = 64 * 1024 * 1024
MIN_TERMS = 512
"""Terms of a block at least; narrower products waste the matrix unit."""
TOLERANCE = {torch.float32: 1e-4}
"""How far a model's weights may be from the library's; more means that its head is of another shape."""
LOW_PRECISION_TOLERANCE = 0.05
PROBE = ["a text that shows whether both ways give the same weights", "and a short one"]

logger = logging.getLogger(__name__)


class BlockMaxPooling(nn.Module):
    """``BlockMaxPooling(decoder, activations)``: stands in for the vocabulary projection and SpladePooling.

    Args:
        decoder: the projection, ``weight`` (terms, width) and perhaps ``bias``.
        activations: how often log1p is applied after relu: 1, or 2 for ``log1p_relu``.
    """

    def __init__(self, decoder: nn.Linear, activations: int) -> None:
        super().__init__()
        self.decoder = decoder
        self.activations = activations

    def forward(self, features: dict[str, Any]) -> dict[str, Any]:
        """``token_embeddings`` (texts, tokens, width) in; ``sentence_embedding`` (texts, terms) out."""
        mask = features["attention_mask"].bool()  # (texts, tokens)
        first = mask.int().argmax(dim=1)  # (texts,)
        hidden = features["token_embeddings"]
        # A padding token becomes a copy of the text's first token: that leaves every maximum as it is.
        stand_in = hidden[torch.arange(len(hidden), device=hidden.device), first].unsqueeze(1)
        hidden = torch.where(mask.unsqueeze(-1), hidden, stand_in)
        pooled = _block_max(hidden, self.decoder.weight)
        if self.decoder.bias is not None:
            pooled += self.decoder.bias
        pooled.relu_()
        for _ in range(self.activations):
            pooled.log1p_()
        features["sentence_embedding"] = pooled
        return features


def _block_max(hidden: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """max over tokens of ``hidden @ weight.T``: (texts, tokens, width), (terms, width) -> (texts, terms)."""
    texts, tokens, _ = hidden.shape
    terms = len(weight)
    on_cpu = hidden.device.type == "cpu"
    block = CPU_BLOCK_PER_THREAD * torch.get_num_threads() if on_cpu else GPU_BLOCK
    rows = max(1, min(texts, block // (tokens * MIN_TERMS)))
    columns = max(MIN_TERMS, min(terms, block // (tokens * rows)))
    pooled = torch.empty(texts, terms, dtype=torch.float32, device=hidden.device)
    for column in range(0, terms, columns):
        part = weight[column : column + columns].T  # (width, columns)
        for row in range(0, texts, rows):
            products = hidden[row : row + rows] @ part  # (rows, tokens, columns)
            pooled[row : row + rows, column : column + columns] = products.amax(dim=1)
    return pooled


def pool_in_blocks(model: SparseEncoder) -> bool:
    """Replace the pooling of a SPLADE model, if it takes maxima and the result is the same; whether it did.

    The model is run both ways on two texts. Where the head is built otherwise than a linear projection at
    its end, the weights differ and the model stays as it was.
    """
    pairs = [
        (sequence, place)
        for sequence in model.modules()
        if isinstance(sequence, nn.Sequential)
        for place in range(len(sequence) - 1)
        if isinstance(sequence[place], Transformer)
        and isinstance(pooling := sequence[place + 1], SpladePooling)
        and pooling.pooling_strategy == "max"
    ]
    return len(pairs) == 1 and _replace(model, *pairs[0])


def _replace(model: SparseEncoder, sequence: nn.Sequential, place: int) -> bool:
    network: Any = sequence[place].model
    pooling: Any = sequence[place + 1]
    decoder = network.get_output_embeddings()
    path = next((name for name, module in network.named_modules() if module is decoder), "")
    if not path or type(decoder) is not nn.Linear:
        return False
    parent, _, leaf = path.rpartition(".")
    expected = _probe(model)
    setattr(network.get_submodule(parent), leaf, nn.Identity())
    sequence[place + 1] = BlockMaxPooling(decoder, 1 if pooling.activation_function == "relu" else 2)
    tolerance = TOLERANCE.get(decoder.weight.dtype, LOW_PRECISION_TOLERANCE)
    try:
        same = torch.allclose(_probe(model), expected, rtol=tolerance, atol=tolerance)
    except (AttributeError, TypeError, RuntimeError) as error:
        logger.debug("Pooling in blocks failed: %s", error)
        same = False
    if not same:
        setattr(network.get_submodule(parent), leaf, decoder)
        sequence[place + 1] = pooling
    return same


def _probe(model: SparseEncoder) -> torch.Tensor:
    features = model.preprocess(PROBE, task="document")
    with torch.inference_mode():
        batch = {k: v.to(model.device) if isinstance(v, torch.Tensor) else v for k, v in features.items()}
        output: torch.Tensor = model(batch, task="document")["sentence_embedding"].float()
    return output
