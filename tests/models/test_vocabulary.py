"""A smaller vocabulary leaves the weights of the terms that are kept as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SparseEncoder
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from augury.errors import ModelError
from augury.models.sparse import SpladeEncoder, load_sparse
from augury.models.vocabulary import keep_terms, terms_in_use
from augury.schemas.points import SparseVector
from tests.models.conftest import word_tokenizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
PIECES = (
    *SPECIAL,
    *LETTERS,
    *(f"##{letter}" for letter in LETTERS),
    *("boat", "sail", "##ing", "river", "moon", "star", "##light", "sun"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A random SPLADE model over word pieces."""
    tokenizer = Tokenizer(WordPiece({piece: i for i, piece in enumerate(PIECES)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, model_max_length=32, **dict(zip(names, SPECIAL, strict=True))
    ).save_pretrained(tmp_path / "base")
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(PIECES),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    model = BertForMaskedLM(config)
    torch.nn.init.normal_(model.cls.predictions.bias)
    model.save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def opened(folder: Path) -> SparseEncoder:
    return SparseEncoder(str(folder), device="cpu", local_files_only=True)


def weights(encoder: SpladeEncoder, text: str) -> dict[str, float]:
    """By piece, so that ids do not matter."""
    (vector,) = encoder.encode_documents([text])
    pieces = encoder._model.tokenizer.convert_ids_to_tokens(vector.indices.tolist())
    return dict(zip(pieces, vector.values.tolist(), strict=True))


def test_the_weights_of_what_is_kept_are_the_same_after_saving_and_loading(
    folder: Path, tmp_path: Path
) -> None:
    whole = SpladeEncoder(opened(folder), name="whole", revision="")
    kept = [place for place, piece in enumerate(PIECES) if piece not in ("moon", "star", "##light")]
    small = opened(folder)
    keep_terms(small, kept)
    small.save_pretrained(str(tmp_path / "small"), create_model_card=False)
    loaded = load_sparse(str(tmp_path / "small"), device="cpu", dtype="float32")
    assert isinstance(loaded, SpladeEncoder)
    for text in ("sailing boat", "river sun sail", "b"):
        before = weights(whole, text)
        expected = {piece: weight for piece, weight in before.items() if PIECES.index(piece) in kept}
        assert weights(loaded, text) == pytest.approx(expected, abs=1e-5)
    # A word whose piece is gone is read by its letters, not as unknown.
    ids = loaded._model.tokenizer("moon", add_special_tokens=False)["input_ids"]
    assert loaded._model.tokenizer.convert_ids_to_tokens(ids) == ["m", "##o", "##o", "##n"]


def test_what_texts_have_comes_before_what_vectors_weigh(folder: Path) -> None:
    model = opened(folder)
    always = len(SPECIAL) + 2 * len(LETTERS)
    vectors = [SparseVector(np.array([PIECES.index("moon")], np.uint32), np.array([9.0], np.float32))]
    kept = terms_in_use(model, ["boat", "boat river"], vectors, always + 2)
    assert [PIECES[place] for place in kept[always:]] == ["boat", "river"]
    kept = terms_in_use(model, ["boat", "boat river"], vectors, always + 3)
    assert [PIECES[place] for place in kept[always:]] == ["boat", "river", "moon"]
    assert len(terms_in_use(model, [], [], 1)) == always


def test_another_kind_of_vocabulary_is_refused(folder: Path) -> None:
    model = opened(folder)
    model[0].processor = word_tokenizer()  # type: ignore[assignment]
    with pytest.raises(ModelError, match="word pieces"):
        keep_terms(model, [0, 1, 2, 3, 4])
