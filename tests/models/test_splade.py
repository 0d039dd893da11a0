from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from sentence_transformers import SparseEncoder
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sparse_encoder.modules import SpladePooling
from torch import nn
from transformers import DistilBertConfig, DistilBertForMaskedLM

from augury.models import splade
from augury.models.splade import BlockMaxPooling, pool_in_blocks

Tiny = Callable[..., Path]
TEXTS = ["w1 w2 w3 w4", "w5", "w6 w7"]


def output(model: SparseEncoder) -> torch.Tensor:
    encoded = model.encode(TEXTS, convert_to_sparse_tensor=False, show_progress_bar=False)
    assert isinstance(encoded, torch.Tensor)
    return encoded


def test_small_blocks_give_the_same_maxima(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden, weight = torch.randn(5, 7, 16), torch.randn(101, 16)
    expected = (hidden @ weight.T).amax(dim=1)
    for block, terms in ((1, 1), (64, 4), (300, 16), (1000, 50), (10**6, 512)):
        monkeypatch.setattr(splade, "CPU_BLOCK_PER_THREAD", block)
        monkeypatch.setattr(splade, "MIN_TERMS", terms)
        torch.testing.assert_close(splade._block_max(hidden, weight), expected)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_has_no_say(side: str) -> None:
    pooling = BlockMaxPooling(nn.Linear(8, 40), 1)
    hidden, mask = torch.randn(1, 6, 8), torch.ones(1, 6, dtype=torch.int64)
    padding, rest = torch.full((1, 2, 8), 1e6), torch.zeros(1, 2, dtype=torch.int64)
    parts, masks = ([padding, hidden], [rest, mask]) if side == "left" else ([hidden, padding], [mask, rest])
    with torch.inference_mode():
        alone = pooling({"token_embeddings": hidden, "attention_mask": mask})
        padded = pooling({"token_embeddings": torch.cat(parts, 1), "attention_mask": torch.cat(masks, 1)})
    torch.testing.assert_close(padded["sentence_embedding"], alone["sentence_embedding"])


def test_distilbert_is_pooled_in_blocks(tiny: Tiny) -> None:
    config = DistilBertConfig(vocab_size=100, dim=16, n_layers=1, n_heads=2, hidden_dim=32)
    folder = tiny(model=DistilBertForMaskedLM(config))
    model = SparseEncoder(str(folder), device="cpu", local_files_only=True)
    expected = output(model)
    assert pool_in_blocks(model)
    torch.testing.assert_close(output(model), expected)


def test_sums_are_left_to_the_library(tiny: Tiny) -> None:
    network = Transformer(str(tiny(mlm=True)), transformer_task="fill-mask")
    model = SparseEncoder(modules=[network, SpladePooling("sum")], device="cpu")
    expected = output(model)
    assert not pool_in_blocks(model)
    torch.testing.assert_close(output(model), expected)


def test_a_head_of_another_shape_is_left_to_the_library(tiny: Tiny) -> None:
    model = SparseEncoder(str(tiny(mlm=True)), device="cpu", local_files_only=True)
    head: Any = model.get_submodule("0.model.cls")
    forward = head.forward
    head.forward = lambda hidden: 3 * forward(hidden) + 1  # logits scaled after the projection
    expected = output(model)
    assert not pool_in_blocks(model)
    torch.testing.assert_close(output(model), expected)
