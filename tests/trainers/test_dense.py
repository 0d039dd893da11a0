"""Dense training on a tiny model: every way of it ends in a folder that the encoders load."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augury.errors import ModelError, UsageError
from augury.models.dense import SentenceTransformerEncoder, load_dense
from augury.models.folder import folder_revision
from augury.models.resolve import resolve
from augury.schemas.training_report import REPORT_FILE, TrainingReport
from augury.trainers.config import DenseConfig, dense_config, read_toml
from augury.trainers.dense import train_dense

FAST = {"batch": 16, "learning_rate": 3e-3, "epochs": 3, "precision": "float32", "device": "cpu"}

Train = Callable[..., TrainingReport]


@pytest.fixture
def trained(tmp_path: Path, base: Callable[..., Path], records_file: Callable[..., Path]) -> Train:
    """``trained(towers="two")``: the report of a short run."""

    def run(data: Path | None = None, **values: Any) -> TrainingReport:
        given = {
            "data": str(data or records_file()),
            "to": str(tmp_path / "model"),
            "base": str(base("dense")),
        }
        report = train_dense(dense_config({**FAST, **given, **values}))
        assert report is not None
        return report

    return run


def test_a_run_leaves_a_judged_model_its_recipe_and_its_card(trained: Train, tmp_path: Path) -> None:
    report = trained(epochs=12)
    folder = tmp_path / "model"
    gain = report.measures["nDCG@10"]
    assert gain.after.mean > gain.before.mean + 0.1
    assert report.accepted and report.verdict.startswith("Accepted: better than the base; nDCG@10 ")
    assert not (tmp_path / "model.training").exists()
    assert not [path for path in folder.rglob("*") if path.suffix in (".bin", ".pt", ".pkl", ".pth")]
    assert DenseConfig.model_validate(read_toml(folder / "recipe.toml")).to == str(folder)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert (
        report.data_sha256 in card and f"| nDCG@10 | {gain.after.mean:.3f} | ({gain.before.mean:.3f})" in card
    )
    revision = folder_revision(folder)
    (folder / REPORT_FILE).write_text("{}")
    assert folder_revision(folder) == revision


def test_the_same_call_again_returns_the_report_and_another_one_is_refused(trained: Train) -> None:
    report = trained(epochs=1)
    assert trained(epochs=1) == report
    with pytest.raises(UsageError, match="is there already"):
        trained(epochs=2)


def test_a_query_adapter_leaves_the_documents_vectors_as_they_are(
    trained: Train, tmp_path: Path, base: Callable[..., Path]
) -> None:
    trained(towers="query-adapter", lora_rank=4, epochs=4)
    before, after = load_dense(str(base("dense"))), load_dense(str(tmp_path / "model"))
    texts = ["w31 w61", "w32 w62 w63"]
    np.testing.assert_allclose(before.encode_documents(texts), after.encode_documents(texts), atol=1e-5)
    assert np.abs(before.encode_queries(texts) - after.encode_queries(texts)).max() > 1e-3


@pytest.mark.parametrize(
    "values",
    [
        {"towers": "two"},
        {"loss": "triplet", "margin": 0.5},
        {"loss": "margin-mse", "negatives": 2},
        {"mini_batch": 8, "negatives": 2},
        {"expansions": 2, "accumulate": 2},
        {"query_prompt": "w88 ", "document_prompt": "w87 "},
        {"precision": "bfloat16", "max_tokens": 8},
    ],
)
def test_every_way_of_training_ends_in_a_model(
    trained: Train, tmp_path: Path, records_file: Callable[..., Path], values: dict[str, Any]
) -> None:
    data = records_file(scores=True, expansions=values.get("expansions", 0))
    report = trained(data, epochs=1, allow_worse=True, **values)
    assert report.accepted and report.steps > 0
    encoder: Any = load_dense(str(tmp_path / "model"))
    assert encoder.encode_queries(["w1 w2"]).shape == (1, 32)
    if "query_prompt" in values:
        assert isinstance(encoder, SentenceTransformerEncoder)
        assert (encoder.query_prompt, encoder.document_prompt) == ("w88 ", "w87 ")


def test_a_long_text_is_read_as_far_as_the_model_reads(trained: Train, tmp_path: Path) -> None:
    lines = [
        {"query": f"w{s} w{s + 1}", "positives": [{"text": f"w{s + 30} " * (25_000 if s == 0 else 1)}]}
        for s in range(12)
    ]
    file = tmp_path / "long.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert trained(file, epochs=1, negatives=0, batch=4, allow_worse=True).steps > 0


def test_a_base_of_another_kind_is_refused(trained: Train, base: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="starter:splade-tiny is a sparse model, not a dense one"):
        trained(base="starter:splade-tiny")
    for name, config, told in (
        ("adapterhub", {"config": {"architecture": None}, "model_class": "BertModel"}, "PEFT cannot hold"),
        ("lora", {"peft_type": "LORA"}, "is a PEFT adapter and no whole model"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "adapter_config.json").write_text(json.dumps(config))
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"")
        with pytest.raises(ModelError, match=told):
            trained(base=str(folder))


def test_a_refused_model_is_told_of_where_it_is_loaded(
    base: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "refused"
    folder.mkdir()
    for path in base("dense").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / REPORT_FILE).write_text(json.dumps({"accepted": False, "verdict": "Refused: worse"}))
    with caplog.at_level(logging.WARNING):
        resolve(str(folder))
    assert "did not pass the gate of its training. Refused: worse" in caplog.text
