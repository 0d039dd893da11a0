"""SPLADE training on a tiny model: the regulariser steps, terms are counted, and collapse is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers.sparse_encoder.callbacks import SpladeRegularizerWeightSchedulerCallback
from transformers import TrainerCallback

from augury.errors import ModelError
from augury.models.sparse import load_sparse
from augury.schemas.training_report import ActiveTerms, TrainingReport
from augury.trainers import splade
from augury.trainers.config import SpladeConfig, quantize_config, splade_config
from augury.trainers.exact import collapsed
from augury.trainers.smaller import quantize_splade
from augury.trainers.splade import CountedFlops, build, splade_loss, train_splade

FAST = {"batch": 16, "learning_rate": 3e-3, "epochs": 3, "precision": "float32", "device": "cpu"}

Train = Callable[..., TrainingReport]


@pytest.fixture
def trained(tmp_path: Path, base: Callable[..., Path], records_file: Callable[..., Path]) -> Train:
    """``trained(queries="static")``: the report of a short run."""

    def run(data: Path | None = None, **values: Any) -> TrainingReport:
        given = {
            "data": str(data or records_file()),
            "to": str(tmp_path / "model"),
            "base": str(base("sparse")),
        }
        report = train_splade(splade_config({**FAST, **given, **values}))
        assert report is not None
        return report

    return run


def test_a_run_finds_more_with_fewer_terms(trained: Train, tmp_path: Path) -> None:
    report = trained(epochs=12, flops_query=0.05, flops_document=0.05, max_active=55)
    assert report.accepted, report.verdict
    before, after = report.active_terms["before"], report.active_terms["after"]
    assert report.measures["nDCG@10"].difference.low > 0
    assert 0 < after.documents < before.documents
    vectors = load_sparse(str(tmp_path / "model")).encode_documents(["w31 w61"])
    assert len(vectors[0].indices) > 0


def test_the_same_run_with_its_regulariser_off_is_refused(trained: Train) -> None:
    report = trained(epochs=12, flops_query=0.0, flops_document=0.0, max_active=55)
    assert not report.accepted
    assert "terms on average, over 55" in report.verdict


@pytest.mark.parametrize(
    "values",
    [{"loss": "margin-mse", "negatives": 2}, {"loss": "kl", "negatives": 2}, {"mini_batch": 8}],
)
def test_every_loss_ends_in_a_model(
    trained: Train, records_file: Callable[..., Path], values: dict[str, Any]
) -> None:
    report = trained(records_file(scores=True), epochs=1, allow_worse=True, **values)
    assert report.steps == 9


def test_static_queries_are_weights_of_their_own_words(trained: Train, tmp_path: Path) -> None:
    trained(queries="static", epochs=2, allow_worse=True)
    encoder = load_sparse(str(tmp_path / "model"))
    (query,) = encoder.encode_queries(["w3 w7 w3"])
    assert list(query.indices) == [8, 12]  # five special tokens come before w0
    assert np.abs(query.values - 1).max() > 1e-4, "the table was not trained"


def test_the_weights_of_the_regulariser_grow_by_the_square(
    trained: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[float, float]] = []

    class Watch(splade.ActiveWatch, TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            weights = (self._loss.query_regularizer_weight, self._loss.document_regularizer_weight)
            seen.append((float(weights[0] or 0), float(weights[1])))
            super().on_step_end(args, state, control, **more)

    monkeypatch.setattr(splade, "ActiveWatch", Watch)
    report = trained(epochs=2, ramp=0.5, flops_query=0.04, flops_document=0.02, allow_worse=True)
    ramp = report.steps // 2
    share = [min(1, step / ramp) ** 2 for step in range(report.steps)]
    np.testing.assert_allclose(seen, [(0.04 * each, 0.02 * each) for each in share])


def test_flops_is_the_sum_of_squared_means_over_queries_positives_and_negatives(
    base: Callable[..., Path],
) -> None:
    config = SpladeConfig(data="-", to="-", base=str(base("sparse")), flops_query=2.0, flops_document=3.0)
    model, _ = build(config)
    loss = splade_loss(model, config)
    model.eval()
    columns = [["w1 w2", "w3"], ["w31", "w32 w33"], ["w60", "w61"]]
    features = [{**model.preprocess(texts)} for texts in columns]
    with torch.no_grad():
        query, positive, negative = (model(dict(each))["sentence_embedding"] for each in features)
        found = loss([dict(each) for each in features], None)
    documents = torch.cat([positive, negative])
    torch.testing.assert_close(found["query_regularizer_loss"], 2 * (query.mean(0) ** 2).sum())
    torch.testing.assert_close(found["document_regularizer_loss"], 3 * (documents.mean(0) ** 2).sum())
    assert isinstance(loss.document_regularizer, CountedFlops)
    assert loss.document_regularizer.active == pytest.approx(float((documents > 0).sum(1).float().mean()))
    assert SpladeRegularizerWeightSchedulerCallback(loss, "quadratic", 0.5).max_query_regularizer_weight == 2


def test_vectors_without_terms_end_the_run_with_a_sentence(trained: Train) -> None:
    with pytest.raises(ModelError, match=r"have no terms left, so that nothing can be found\. Lower flops_"):
        trained(epochs=40, flops_query=1e5, flops_document=1e5, ramp=0.05, learning_rate=5e-2)


def test_too_many_terms_do_not_pass_the_gate(trained: Train) -> None:
    report = trained(epochs=1, max_active=3)
    assert not report.accepted
    assert "terms on average, over 3" in report.verdict


def test_a_base_without_a_language_head_is_refused(trained: Train, base: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match="no base for a sparse model"):
        trained(base=str(base("dense")))
    with pytest.raises(ModelError, match="starter:minilm is a dense model"):
        trained(base="starter:minilm")


def test_a_model_in_int8_is_judged_like_a_trained_one(
    trained: Train, tmp_path: Path, base: Callable[..., Path], records_file: Callable[..., Path]
) -> None:
    def quantized(name: str, whole: str) -> TrainingReport | None:
        given = {"data": str(records_file()), "to": str(tmp_path / name), "base": whole, "device": "cpu"}
        return quantize_splade(quantize_config({**given, "allow_worse": True}))

    report = quantized("small", str(base("sparse")))
    assert report is not None and report.kind == "sparse-int8" and report.steps == 0
    assert "load_sparse" in (tmp_path / "small/README.md").read_text()
    (vector,) = load_sparse(str(tmp_path / "small")).encode_documents(["w31 w61"])
    (whole,) = load_sparse(str(base("sparse"))).encode_documents(["w31 w61"])
    assert len(set(vector.indices) & set(whole.indices)) > 0.8 * len(whole.indices)
    with pytest.raises(ModelError, match="no base for a sparse model"):
        trained(base=str(tmp_path / "small"))
    trained(queries="static", allow_worse=True)
    with pytest.raises(ModelError, match="Only a SPLADE model of one transformer"):
        quantized("other", str(tmp_path / "model"))


def test_the_collapse_names_what_is_empty() -> None:
    assert "documents" in str(collapsed(ActiveTerms(queries=3, documents=0)))
    assert "flops_query" in str(collapsed(ActiveTerms(queries=0, documents=2)))
