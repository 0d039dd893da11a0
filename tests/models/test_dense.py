from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from augury.errors import ModelError, ModelOutputError
from augury.models.dense import SentenceTransformerEncoder, load_dense
from augury.models.encoder import DenseEncoder
from augury.schemas.points import FloatArray

Tiny = Callable[..., Path]
TEXTS = [
    "A cat sits on the mat.",
    "The kitten rests on a rug.",
    "Interest rates rose in the third quarter.",
    "",
    "word " * 400,
    *(f"Sentence number {number} says " + "something more " * number for number in range(25)),
]


@pytest.fixture(scope="module")
def encoder(minilm: Path) -> DenseEncoder:
    return load_dense("starter:minilm", dtype="float32", max_tokens_per_batch=512)


@pytest.fixture(scope="module")
def vectors(encoder: DenseEncoder) -> FloatArray:
    return encoder.encode_documents(TEXTS)


def test_the_starter_is_what_its_card_says(encoder: DenseEncoder) -> None:
    assert encoder.name == "starter:minilm"
    assert encoder.dim == 384
    assert encoder.revision.startswith("53aa5117")


def test_rows_are_unit_vectors(vectors: FloatArray) -> None:
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_like_sentences_are_closer(vectors: FloatArray) -> None:
    cat, kitten, rates = vectors[:3]
    assert cat @ kitten > 0.5 > cat @ rates


def test_batches_by_tokens_equal_the_library(vectors: FloatArray, minilm: Path) -> None:
    library = SentenceTransformer(str(minilm), device="cpu", local_files_only=True)
    expected = library.encode(TEXTS, normalize_embeddings=True, show_progress_bar=False)
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_a_text_alone_has_the_vector_it_has_in_company(encoder: DenseEncoder, vectors: FloatArray) -> None:
    for position in (0, 4, len(TEXTS) - 1):
        alone = encoder.encode_documents([TEXTS[position]])
        np.testing.assert_allclose(alone[0], vectors[position], atol=1e-4)


def test_no_texts_no_rows(encoder: DenseEncoder) -> None:
    assert encoder.encode_documents([]).shape == (0, 384)


def test_a_prompt_is_put_before_the_text(encoder: DenseEncoder, minilm: Path) -> None:
    prompted = load_dense(str(minilm), query_prompt="query: ", document_prompt="passage: ", dtype="float32")
    plain = encoder.encode_documents(["query: cats", "passage: cats"])
    np.testing.assert_allclose(prompted.encode_queries(["cats"])[0], plain[0], atol=1e-5)
    np.testing.assert_allclose(prompted.encode_documents(["cats"])[0], plain[1], atol=1e-5)


def test_the_models_own_prompts_are_the_default(tiny: Tiny, tmp_path: Path) -> None:
    prompts = {"query": "w1 w2 ", "passage": "w3 "}
    model = SentenceTransformer(str(tiny()), device="cpu", local_files_only=True, prompts=prompts)
    model.save(str(tmp_path / "prompted"), create_model_card=False)
    encoder = load_dense(str(tmp_path / "prompted"), dtype="float32")
    assert isinstance(encoder, SentenceTransformerEncoder)
    assert (encoder.query_prompt, encoder.document_prompt) == ("w1 w2 ", "w3 ")
    expected = model.encode_query(["w9"], normalize_embeddings=True)
    np.testing.assert_allclose(encoder.encode_queries(["w9"]), expected, atol=1e-5)


def test_bfloat16_is_near_float32(vectors: FloatArray) -> None:
    low = load_dense("starter:minilm", dtype="bfloat16").encode_documents(TEXTS[:3])
    assert low.dtype == np.float32
    assert ((low * vectors[:3]).sum(axis=1) > 0.999).all()


def test_nan_is_an_error_that_names_the_positions(tiny: Tiny) -> None:
    encoder = load_dense(str(tiny(nan=True)))
    with pytest.raises(ModelOutputError, match="2 of 2") as caught:
        encoder.encode_documents(["w1", "w2 w3"])
    assert caught.value.positions == (0, 1)


def test_a_batch_that_does_not_fit_is_halved(tiny: Tiny) -> None:
    model = SentenceTransformer(str(tiny()), device="cpu", local_files_only=True)
    encoder = SentenceTransformerEncoder(model, name="tiny", revision="1")
    texts = [f"w{number} " * (number % 7 + 1) for number in range(20)]
    expected = encoder.encode_documents(texts)
    sizes: list[int] = []

    def refuse_large(module: torch.nn.Module, arguments: tuple[dict[str, Any]]) -> None:
        sizes.append(len(arguments[0]["input_ids"]))
        if sizes[-1] > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    handle = model[0].register_forward_pre_hook(refuse_large)
    np.testing.assert_allclose(encoder.encode_documents(texts), expected, atol=1e-5)
    assert max(sizes) == 20 and sum(size for size in sizes if size <= 3) == 20
    handle.remove()
    model[0].register_forward_pre_hook(
        lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("out of memory"))
    )
    with pytest.raises(ModelError, match="one text"):
        encoder.encode_documents(texts)


def test_padding_on_the_left_is_cut_on_the_left(tiny: Tiny) -> None:
    model = SentenceTransformer(str(tiny()), device="cpu", local_files_only=True)
    model.tokenizer.padding_side = "left"
    # Without its absolute positions BERT does not see how far a text was pushed to the right.
    positions: Any = model.get_submodule("0.model.embeddings.position_embeddings")
    positions.weight.data.zero_()
    encoder = SentenceTransformerEncoder(model, name="tiny", revision="1", max_tokens_per_batch=24)
    texts = [f"w{number} " * (number % 7 + 1) for number in range(20)]
    alone = np.concatenate([encoder.encode_documents([text]) for text in texts])
    np.testing.assert_allclose(encoder.encode_documents(texts), alone, atol=1e-5)


def test_broken_weights_are_named(tiny: Tiny) -> None:
    folder = tiny()
    (folder / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_dense(str(folder))
