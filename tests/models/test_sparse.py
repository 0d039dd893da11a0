from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SparseEncoder as Library
from sentence_transformers.base.modules import Router, Transformer
from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding, SpladePooling

from augury.errors import ModelOutputError
from augury.models.encoder import SparseEncoder
from augury.models.sparse import SpladeEncoder, load_sparse
from augury.models.splade import BlockMaxPooling
from augury.schemas.points import FloatArray, SparseVector

Tiny = Callable[..., Path]
TEXTS = [
    "A cat sits on the mat.",
    "The kitten rests on a rug.",
    "Interest rates rose in the third quarter.",
    "",
    "word and more words " * 150,
    *(f"Sentence number {number} says " + "something more " * number for number in range(15)),
]


@pytest.fixture(scope="module")
def encoder(splade_tiny: Path) -> SparseEncoder:
    return load_sparse("starter:splade-tiny", dtype="float32", max_tokens_per_batch=512)


def rows(vectors: Sequence[SparseVector], terms: int = 30_522) -> FloatArray:
    matrix = np.zeros((len(vectors), terms), np.float32)
    for row, vector in zip(matrix, vectors, strict=True):
        row[vector.indices] = vector.values
    return matrix


def test_weights_equal_the_librarys(encoder: SparseEncoder, splade_tiny: Path) -> None:
    library = Library(str(splade_tiny), device="cpu", local_files_only=True)
    expected = library.encode(TEXTS, show_progress_bar=False, convert_to_sparse_tensor=False)
    assert isinstance(expected, torch.Tensor)
    np.testing.assert_allclose(rows(encoder.encode_documents(TEXTS)), expected.numpy(), atol=1e-5)


def test_indices_ascend_and_weights_are_positive(encoder: SparseEncoder) -> None:
    for vector in encoder.encode_documents(TEXTS):
        assert vector.indices.dtype == np.uint32
        assert vector.values.dtype == np.float32
        assert (np.diff(vector.indices.astype(np.int64)) > 0).all()
        assert (vector.values > 0).all()
        assert len(vector.indices) == len(vector.values) > 0


def test_like_sentences_share_weight(encoder: SparseEncoder) -> None:
    cat, kitten, rates = encoder.encode_documents(TEXTS[:3])
    assert cat.dot(kitten) > cat.dot(rates)
    assert not encoder.idf


def test_a_text_alone_has_the_weights_it_has_in_company(encoder: SparseEncoder) -> None:
    together = rows(encoder.encode_documents(TEXTS))
    for position in (0, 4):
        np.testing.assert_allclose(
            rows(encoder.encode_queries([TEXTS[position]]))[0], together[position], atol=1e-4
        )


def test_bfloat16_is_near_float32(encoder: SparseEncoder) -> None:
    low = load_sparse("starter:splade-tiny", dtype="bfloat16")
    assert isinstance(low, SpladeEncoder)
    assert any(isinstance(module, BlockMaxPooling) for module in low._model.modules())
    expected = rows(encoder.encode_documents(TEXTS[:3]))
    np.testing.assert_allclose(rows(low.encode_documents(TEXTS[:3])), expected, atol=0.1)


def test_no_texts_no_vectors(encoder: SparseEncoder) -> None:
    assert encoder.encode_documents([]) == []


def test_nan_is_an_error_that_names_the_positions(tiny: Tiny) -> None:
    with pytest.raises(ModelOutputError) as caught:
        load_sparse(str(tiny(mlm=True, nan=True))).encode_documents(["w1 w2", "w3"])
    assert caught.value.positions == (0, 1)


def test_an_inference_free_model_routes_queries_past_the_network(tiny: Tiny, tmp_path: Path) -> None:
    network = Transformer(str(tiny(mlm=True)), transformer_task="fill-mask")
    router = Router.for_query_document(
        query_modules=[SparseStaticEmbedding(network.tokenizer, weight=torch.arange(100.0))],
        document_modules=[network, SpladePooling("max", activation_function="log1p_relu")],
    )
    library = Library(modules=[router], device="cpu")
    library.save(str(tmp_path / "routed"), create_model_card=False)
    encoder = load_sparse(str(tmp_path / "routed"), dtype="float32")
    assert isinstance(encoder, SpladeEncoder)
    assert any(isinstance(module, BlockMaxPooling) for module in encoder._model.modules())
    texts = ["w1 w2 w9", "w3", "w4 w5 w6 w7 w8"]
    documents = library.encode_document(texts, convert_to_sparse_tensor=False)
    queries = library.encode_query(texts, convert_to_sparse_tensor=False)
    assert isinstance(documents, torch.Tensor) and isinstance(queries, torch.Tensor)
    np.testing.assert_allclose(rows(encoder.encode_documents(texts), 100), documents.numpy(), atol=1e-5)
    np.testing.assert_allclose(rows(encoder.encode_queries(texts), 100), queries.numpy(), atol=1e-5)
    assert encoder.encode_queries(["w3"])[0].indices.tolist() == [8]


def test_the_models_own_limit_of_terms_is_kept(tiny: Tiny, tmp_path: Path) -> None:
    Library(str(tiny(mlm=True)), device="cpu", local_files_only=True, max_active_dims=5).save(
        str(tmp_path / "limited"), create_model_card=False
    )
    (vector,) = load_sparse(str(tmp_path / "limited")).encode_documents(["w1 w2 w3"])
    assert len(vector.indices) == 5


def test_bm25_is_a_name_too() -> None:
    encoder = load_sparse("bm25")
    assert encoder.name == "bm25"
    assert encoder.idf
