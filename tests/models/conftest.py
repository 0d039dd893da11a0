"""Models for the tests: the real starters, fetched once, and tiny random ones made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertForMaskedLM, BertModel, PreTrainedModel, PreTrainedTokenizerFast

from augury.models.hypencoder import HypencoderNetwork
from augury.models.resolve import resolve

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{number}" for number in range(95))]


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The folder of ``starter:minilm``."""
    return resolve("starter:minilm").path


@pytest.fixture(scope="session")
def splade_tiny() -> Path:
    """The folder of ``starter:splade-tiny``."""
    return resolve("starter:splade-tiny").path


def word_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer of the words w0 to w94."""
    tokenizer = Tokenizer(WordLevel({word: place for place, word in enumerate(WORDS)}, "[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
    )


def _save(model: PreTrainedModel, folder: Path) -> Path:
    """Write a model with a tokenizer of the words w0 to w94."""
    word_tokenizer().save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


def tiny_config() -> BertConfig:
    """Of a BERT of one small layer over the words of these tests."""
    return BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )


@pytest.fixture
def network(tiny: Callable[..., Path]) -> HypencoderNetwork:
    """A random Hypencoder with two hidden blocks."""
    return HypencoderNetwork.from_base(str(tiny()), hidden_layers=2)


@pytest.fixture
def saved(network: HypencoderNetwork, tmp_path: Path) -> Path:
    """Its folder."""
    network.save(tmp_path / "saved")
    return tmp_path / "saved"


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[..., Path]:
    """``tiny()``: the folder of a random BERT; ``mlm``: with a vocabulary head; ``nan``: broken."""

    def make(*, mlm: bool = False, nan: bool = False, model: PreTrainedModel | None = None) -> Path:
        config = tiny_config()
        model = model or (BertForMaskedLM(config) if mlm else BertModel(config))
        if nan:
            for parameter in model.parameters():
                parameter.data.fill_(float("nan"))
        return _save(model, tmp_path / f"tiny-{mlm}-{nan}")

    return make
