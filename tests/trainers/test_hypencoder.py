"""Hypencoder training on a tiny model: losses by hand, what is saved, what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

import augury
from augury.errors import AuguryError, ModelError
from augury.models.dense import load_dense
from augury.models.hypencoder import load_hypencoder
from augury.models.hypencoder_folder import read_weights
from augury.schemas.training_report import TrainingReport
from augury.trainers.gate import reranked_profile
from augury.trainers.hypencoder import build, train_hypencoder
from augury.trainers.hypencoder_config import HypencoderTraining, hypencoder_config
from augury.trainers.ranker import Ranker
from tests.trainers.conftest import passage, subject_records, write_records

FAST = {"batch": 16, "learning_rate": 3e-3, "epochs": 2, "precision": "float32", "device": "cpu"}
OWN = {"reads": "own", "freeze": False, "half": False}
TEXTS = [f"w{number + 30} w{number + 60}" for number in range(12)]

Train = Callable[..., TrainingReport]


@pytest.fixture
def values(tmp_path: Path, base: Callable[..., Path], records_file: Callable[..., Path]) -> dict[str, Any]:
    """Of a config: what every run needs."""
    where = {"data": str(records_file()), "to": str(tmp_path / "model"), "base": str(base("dense"))}
    return {**FAST, **where}


@pytest.fixture
def trained(values: dict[str, Any]) -> Train:
    """``trained(layers=2)``: the report of a short run."""

    def run(**more: Any) -> TrainingReport:
        report = train_hypencoder(hypencoder_config({**values, **more}))
        assert report is not None
        return report

    return run


def test_it_begins_at_the_dense_order_and_ends_above_it(
    trained: Train, tmp_path: Path, base: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUGURY_DTYPE", "float32")  # memory and index round alike
    report = trained(epochs=20, width=32)
    assert report.accepted, report.verdict
    gain = report.measures["nDCG@10"]
    assert gain.difference.mean > 0.05
    step, start = report.curve[0]
    assert step == 0 and start == pytest.approx(gain.before.mean, abs=1e-6), "step 0 is the first stage"
    best = max(score for _, score in report.curve[1:])
    assert best == pytest.approx(gain.after.mean, abs=0.02), "memory and index agree"
    assert [step for step, _ in report.curve[1:]] == [9 * epoch for epoch in range(1, len(report.curve))]
    card = (tmp_path / "model/README.md").read_text()
    assert "load_hypencoder" in card and "library_name: augury" in card


def test_the_folder_holds_the_head_alone_in_half_precision(trained: Train, tmp_path: Path, base: Any) -> None:
    trained(allow_worse=True)
    weights = read_weights(tmp_path / "model")
    assert not any("transformer" in name for name in weights)
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16}
    assert not (tmp_path / "model/tokenizer.json").exists()
    config = json.loads((tmp_path / "model/config.json").read_text())
    assert config["query_encoder_kwargs"]["model_name_or_path"] == str(base("dense"))
    vectors = load_dense(str(base("dense")), dtype="float32").encode_documents(TEXTS)
    model = load_hypencoder(str(tmp_path / "model"), dtype="float32")
    np.testing.assert_allclose(model.encode_documents(TEXTS), vectors, atol=1e-5)
    assert np.ptp(model.score(["w1"], [vectors])[0]) > 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda config: config.update(base_revision="0" * 64), "was trained over revision 000000000000 of"),
        (
            lambda config: config["query_encoder_kwargs"].update(base_encoder_output_dim=16),
            "do not fit a base",
        ),
        (
            lambda config: config["query_encoder_kwargs"].update(model_name_or_path="/nowhere"),
            "There is no folder",
        ),
    ],
)
def test_another_base_is_refused_in_a_sentence(
    trained: Train, tmp_path: Path, change: Callable[[Any], None], told: str
) -> None:
    trained(max_steps=2, evaluate_every=2, allow_worse=True)
    file = tmp_path / "model/config.json"
    config = json.loads(file.read_text())
    change(config)
    file.write_text(json.dumps(config))
    with pytest.raises(ModelError, match=told):
        load_hypencoder(str(tmp_path / "model"))


def test_an_index_of_another_model_refuses_it(
    trained: Train, tmp_path: Path, base: Callable[..., Path]
) -> None:
    """Its vectors may have the same width, and mean nothing to the q-nets."""
    trained(max_steps=2, evaluate_every=2, allow_worse=True)
    other = shutil.copytree(base("dense"), tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"another": 1}))
    profile = reranked_profile(str(other), str(tmp_path / "model"), "dense", 10, 1.0)
    with (
        augury.open(tmp_path / "index", profile=profile) as index,
        pytest.raises(ModelError, match="was made for vectors of revision"),
    ):
        index.ingest([augury.Document(id="1", text="w31 w61")], scenarios="none")


@pytest.mark.parametrize(
    "more",
    [
        {"loss": "margin-mse", "negatives": 2},
        {"loss": "both", "in_batch": "positives", "near": 0.1, "dropout": 0.1},
        {"layers": 0},
        {"layers": 2, "width": 8, "rerank_weight": 0.5, "rerank_depth": 10},
        {"qnet": "published", "layers": 2},
        {"qnet": "published", "reads": "own", "first_stage": "{base}", "pooling": "mean"},
        {**OWN, "first_stage": "{base}", "loss": "both", "in_batch": "positives"},
        {**OWN, "first_stage": "{base}", "qnet": "published", "max_tokens": 16, "negatives": 0},
    ],
)
def test_every_choice_ends_in_a_model(
    trained: Train, records_file: Any, base: Any, tmp_path: Path, more: dict[str, Any]
) -> None:
    records_file(scores=True)
    given = {
        name: value.format(base=base("dense")) if name == "first_stage" else value
        for name, value in more.items()
    }
    report = trained(**given, epochs=1, allow_worse=True)
    assert report.steps == 9 and len(report.curve) == 2
    model = load_hypencoder(str(tmp_path / "model"), dtype="float32")
    vectors = model.encode_documents(TEXTS)
    assert np.isfinite(model.score(["w1 w2"], [vectors])[0]).all()


def test_a_hypencoder_is_trained_further_and_lends_its_head(
    trained: Train, tmp_path: Path, base: Any
) -> None:
    first = trained(epochs=8, width=32, allow_worse=True)
    more = trained(base=str(tmp_path / "model"), to=str(tmp_path / "further"), epochs=1, allow_worse=True)
    assert more.curve[0][1] == pytest.approx(max(score for _, score in first.curve), abs=0.02)
    config = HypencoderTraining(data="", to="", base=str(base("dense")), width=32)
    lent = trained(
        to=str(tmp_path / "lent"), head=str(tmp_path / "model"), width=32, epochs=1, allow_worse=True
    )
    assert lent.curve[0][1] == more.curve[0][1]
    with pytest.raises(ModelError, match=r"The hyper-head of .* does not fit"):
        trained(to=str(tmp_path / "not"), head=str(tmp_path / "model"), width=16)
    with pytest.raises(AuguryError, match="keeps the q-net it has"):
        build(config.model_copy(update={"base": str(tmp_path / "model")}))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"freeze": False}, "Set reads to own, or freeze"),
        ({"max_tokens": 64}, "leave out max_tokens"),
        ({"first_stage": "starter:minilm"}, "Leave out first_stage"),
        ({"near": 1, "qnet": "published"}, "Set it to 0"),
        ({"qnet": "published", "layers": 0}, "Set layers to 1"),
        ({"loss": "both", "negatives": 0}, "Set negatives to 1"),
        ({"batch": 1, "negatives": 0}, "Raise batch"),
    ],
)
def test_what_contradicts_itself_is_told(more: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        hypencoder_config({"data": "a", "to": "b", **more})


def test_what_is_no_base_is_told(trained: Train, base: Any, records_file: Any) -> None:
    with pytest.raises(ModelError, match="is a sparse model"):
        trained(base="starter:splade-tiny")
    with pytest.raises(AuguryError, match="no teacher's score"):
        trained(loss="both")


def test_the_losses_are_those_of_the_paper(base: Any) -> None:
    config = HypencoderTraining(
        data="", to="", base=str(base("dense")), loss="both", in_batch="positives", temperature=0.5
    )
    network = build(config)
    torch.manual_seed(0)
    for parameter in network.query_encoder.weight_hyper_projection.parameters():
        torch.nn.init.normal_(parameter, std=0.2)  # a correction there is
    states = torch.randn(3, 5, 32)
    queries = {
        "states": states,
        "attention_mask": torch.ones(3, 5, dtype=torch.long),
        "vectors": torch.nn.functional.normalize(states.mean(dim=1), dim=-1),
    }
    own, hard = torch.randn(3, 32), torch.randn(6, 32)
    teacher = torch.randn(3, 3)
    ranker = Ranker(network.eval(), config)
    found = ranker(queries, {"vectors": own}, {"vectors": hard}, teacher)["loss"]
    scores = network.score(*ranker.qnets(queries), own) / 0.5
    cross_entropy, margin = torch.tensor(0.0), torch.tensor(0.0)
    for query in range(3):
        cross_entropy -= scores[query].log_softmax(dim=0)[query] / 3
        theirs = network.score(*ranker.qnets(queries), hard[2 * query : 2 * query + 2])[query] / 0.5
        for place in range(2):
            wanted = teacher[query, 0] - teacher[query, 1 + place]
            margin += (scores[query, query] - theirs[place] - wanted) ** 2 / 6
    torch.testing.assert_close(found, cross_entropy + margin, rtol=1e-4, atol=1e-4)


def test_a_frozen_encoder_has_no_place_in_checkpoints(trained: Train, tmp_path: Path) -> None:
    trained(max_steps=2, evaluate_every=2, allow_worse=True, keep_checkpoints=True)
    (checkpoint,) = (tmp_path / "model.training/checkpoints").glob("checkpoint-2")
    (weights,) = checkpoint.glob("weights.safetensors")
    assert not any("transformer" in name for name in read_weights(weights.parent))


def test_a_teachers_margins_are_learnt(trained: Train, values: dict[str, Any]) -> None:
    """Scores 1 and 0: at temperature 1 an answer is to be a whole cosine above each of eight others."""
    records = []
    for number, record in enumerate(subject_records(scores=True)):
        answer = record.positives[0].doc_id
        others = [passage(other, 0.0) for other in ((number + step) % 30 for step in range(3, 30, 3))]
        negatives = tuple(each for each in others if each.doc_id != answer)
        records.append(record.model_copy(update={"negatives": negatives[:8]}))
    write_records(Path(values["data"]), records)
    report = trained(loss="margin-mse", temperature=1.0, negatives=8, epochs=20, width=32, near=0.0)
    start = report.curve[0][1]
    assert max(score for _, score in report.curve[1:]) > start + 0.1
