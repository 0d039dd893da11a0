from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import CrossEncoder
from transformers import BertForSequenceClassification

from augury.errors import ModelError, ModelNotFound, ModelOutputError
from augury.models.cross_encoder import CrossEncoderReranker, load_cross_encoder
from augury.models.reranker import TextReranker

from .conftest import tiny_config

Tiny = Callable[..., Path]
QUERIES = ["w1 w2", "w3", "w4 w5 w6"]
CANDIDATES = [["w7 w8 w9", "w10"], [], [f"w{number} " * number for number in range(1, 8)]]


def classifier(labels: int = 1) -> BertForSequenceClassification:
    config = tiny_config()
    config.initializer_range = 0.5  # larger than usual, so that the scores of a random model differ
    config.num_labels = labels
    return BertForSequenceClassification(config)


@pytest.fixture
def folder(tiny: Tiny) -> Path:
    return tiny(model=classifier())


def test_scores_are_the_librarys_before_the_sigmoid(folder: Path) -> None:
    reranker: TextReranker = load_cross_encoder(str(folder), dtype="float32")
    assert (reranker.name, len(reranker.revision)) == (str(folder), 64)
    scores = reranker.score(QUERIES, CANDIDATES)
    assert [own.shape for own in scores] == [(2,), (0,), (7,)]
    assert all(own.dtype == np.float32 for own in scores)
    library = CrossEncoder(str(folder), device="cpu", local_files_only=True)
    for query, texts, own in zip(QUERIES, CANDIDATES, scores, strict=True):
        for text, score in zip(texts, own, strict=True):
            expected = library.predict([(query, text)], show_progress_bar=False)[0]
            assert 1 / (1 + np.exp(-score)) == pytest.approx(expected, abs=1e-5)
    assert np.ptp(scores[2]) > 0


def test_nothing_asked_nothing_scored(folder: Path) -> None:
    reranker = load_cross_encoder(str(folder))
    assert reranker.score([], []) == []
    assert [len(own) for own in reranker.score(["w1"], [[]])] == [0]


def test_more_than_one_score_is_refused(tiny: Tiny) -> None:
    with pytest.raises(ModelError, match="gives 3 scores"):
        load_cross_encoder(str(tiny(model=classifier(3))))


def test_nan_is_an_error_that_names_the_queries(tiny: Tiny) -> None:
    reranker = load_cross_encoder(str(tiny(model=classifier(), nan=True)))
    with pytest.raises(ModelOutputError, match="2 of 3 queries") as caught:
        reranker.score(QUERIES, CANDIDATES)
    assert caught.value.positions == (0, 2)


def test_nothing_is_drawn(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load_cross_encoder(str(folder)).score(QUERIES, CANDIDATES)
    assert capfd.readouterr() == ("", "")


def test_a_batch_that_does_not_fit_is_halved(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reranker = load_cross_encoder(str(folder))
    expected = reranker.score(QUERIES, CANDIDATES)
    whole = CrossEncoderReranker._predict

    def refuse_large(self: CrossEncoderReranker, pairs: object, positions: list[int]) -> object:
        if len(positions) > 2:
            raise MemoryError
        return whole(self, pairs, positions)  # type: ignore[arg-type]

    monkeypatch.setattr(CrossEncoderReranker, "_predict", refuse_large)
    for found, one in zip(reranker.score(QUERIES, CANDIDATES), expected, strict=True):
        np.testing.assert_allclose(found, one, atol=1e-5)


def test_what_cannot_be_loaded_says_so(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match="cannot be loaded as a CrossEncoder"):
        load_cross_encoder(str(folder))
    with pytest.raises(ModelNotFound):
        load_cross_encoder("./missing")
    with pytest.raises(ModelError, match="sparse model, not a cross-encoder one"):
        load_cross_encoder("starter:splade-tiny")
