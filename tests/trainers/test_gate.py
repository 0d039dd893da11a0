from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from augury.cli import main
from augury.schemas.evaluation import Difference, Mean
from augury.schemas.training_report import ActiveTerms, Gain
from augury.trainers.config import dense_config
from augury.trainers.dense import train_dense
from augury.trainers.gate import judge
from tests.trainers.conftest import subject_records, write_records
from tests.trainers.test_dense import FAST


def gain(mean: float, low: float, high: float) -> dict[str, Gain]:
    before = Mean(mean=0.5, low=0.4, high=0.6)
    after = Mean(mean=0.5 + mean, low=0.4, high=0.6)
    return {
        "nDCG@10": Gain(
            before=before, after=after, difference=Difference(mean=mean, low=low, high=high, p=0.2)
        )
    }


@pytest.mark.parametrize(
    ("difference", "accepted", "told"),
    [
        ((0.1, 0.05, 0.15), True, "better than the base"),
        ((0.0, -0.05, 0.05), True, "no worse than the base, though not surely better"),
        ((-0.002, -0.004, 0.0), True, "surely no more than 0.005 worse"),
        ((-0.002, -0.02, 0.02), False, "worse than the base"),
        ((-0.1, -0.2, -0.05), False, "worse than the base"),
    ],
)
def test_the_verdict_follows_the_paired_difference(
    difference: tuple[float, float, float], accepted: bool, told: str
) -> None:
    verdict = judge(gain(*difference), "nDCG@10", tolerance=0.005)
    assert verdict.accepted is accepted
    assert told in verdict.sentence
    assert f"nDCG@10 {0.5 + difference[0]:.3f} (0.500)" in verdict.sentence


def test_a_better_model_with_too_many_terms_is_refused() -> None:
    active = ActiveTerms(queries=10, documents=2000)
    verdict = judge(gain(0.1, 0.05, 0.15), "nDCG@10", tolerance=0, active=active, max_active=1000)
    assert not verdict.accepted
    assert "2000 terms" in verdict.sentence


def test_a_model_ruined_by_shuffled_labels_is_refused_kept_and_ends_with_1(
    tmp_path: Path, base: Callable[..., Path], dev_folder: Path
) -> None:
    good = tmp_path / "good"
    records = write_records(tmp_path / "records.jsonl", subject_records())
    with (dev_folder / "corpus.jsonl").open("a", encoding="utf-8") as corpus:
        corpus.write('{"_id": "nothing", "title": "", "text": ""}\n')
    given = {"data": str(records), "to": str(good), "base": str(base("dense")), "dev": str(dev_folder)}
    first = train_dense(dense_config({**FAST, **given, "epochs": 12}))
    assert first is not None and first.accepted
    assert any("left out: 1, such as" in note and "empty" in note for note in first.notes), first.notes
    shuffled = write_records(tmp_path / "shuffled.jsonl", subject_records(shuffled=True))
    ruined = tmp_path / "ruined"
    arguments = ["train", "dense", str(shuffled), "--to", str(ruined), "--base", str(good)]
    arguments += [
        "--dev",
        str(dev_folder),
        "--batch",
        "16",
        "--lr",
        "3e-3",
        "--epochs",
        "3",
        "--device",
        "cpu",
    ]
    result = CliRunner().invoke(main, [*arguments, "--precision", "float32", "--json"])
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert not report["accepted"]
    assert report["verdict"].startswith("Refused: worse than the base")
    assert (ruined / "model.safetensors").is_file()
    allowed = CliRunner().invoke(
        main, [*arguments[:4], str(tmp_path / "allowed"), *arguments[5:], "--allow-worse"]
    )
    assert allowed.exit_code == 0
    assert "Let pass by allow_worse. Refused" in allowed.stdout
