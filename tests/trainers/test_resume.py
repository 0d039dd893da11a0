"""Kill -9 and run again: the weights of an undisturbed run. A full disk: one sentence, nothing lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from augury.errors import UsageError
from augury.trainers.workplace import Workplace
from tests.trainers.conftest import subject_records, write_records

ROOT = Path(__file__).parents[2]
WAIT_S = 300


def start(
    kind: str, values: dict[str, Any], *more: str, module: str = "tests.trainers.child"
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", module, kind, json.dumps(values), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    output, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, errors
    report: dict[str, Any] = json.loads(output.splitlines()[-1])
    return report


def kill_at(process: subprocess.Popen[str], there: Callable[[], bool]) -> None:
    """Kill the process as soon as it has come so far."""
    end = time.monotonic() + WAIT_S
    while not there():
        assert process.poll() is None and time.monotonic() < end, process.communicate()[1]
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize("kind", ["dense", "sparse", "hypencoder"])
def test_a_killed_run_ends_with_the_weights_of_an_undisturbed_one(
    kind: str, tmp_path: Path, base: Callable[..., Path]
) -> None:
    data = write_records(tmp_path / "records.jsonl", subject_records())
    values = {
        "data": str(data),
        "base": str(base("sparse" if kind == "sparse" else "dense")),
        "batch": 16,
        "learning_rate": 1e-3,
        "epochs": 6,
        "evaluate_every": 5,
        "precision": "float32",
        "device": "cpu",
        "allow_worse": True,
        "patience": 99,
        **({"half": False, "width": 32} if kind == "hypencoder" else {}),
    }
    whole = finish(start(kind, {**values, "to": str(tmp_path / "whole")}))
    broken = {**values, "to": str(tmp_path / "broken")}
    place = Workplace(tmp_path / "broken")
    for step in (5, 20):  # at once when the checkpoint begins to be there, whole or not
        kill_at(start(kind, broken), (place.checkpoints / f"checkpoint-{step}").is_dir)
    kill_at(start(kind, broken), place.model.is_dir)
    report = finish(start(kind, broken))
    assert (report["steps"], report["best_step"]) == (whole["steps"], whole["best_step"])
    mine, theirs = weights(tmp_path / "broken"), weights(tmp_path / "whole")
    assert mine.keys() == theirs.keys()
    for name, tensor in theirs.items():
        torch.testing.assert_close(mine[name], tensor, atol=1e-5, rtol=1e-4)


def test_a_full_disk_at_a_checkpoint_is_told_and_the_run_goes_on_later(
    tmp_path: Path, base: Callable[..., Path]
) -> None:
    data = write_records(tmp_path / "records.jsonl", subject_records())
    values = {
        "data": str(data),
        "base": str(base("dense")),
        "to": str(tmp_path / "model"),
        "batch": 16,
        "epochs": 2,
        "precision": "float32",
        "device": "cpu",
        "allow_worse": True,
    }
    place = Workplace(tmp_path / "model")
    state = place.checkpoints / "checkpoint-9/trainer_state.json"
    kill_at(start("dense", values), lambda: state.is_file() and state.read_text().endswith("}\n"))
    first = place.last_checkpoint()
    assert first is not None
    process = start("dense", values, "60000")  # bytes; the weights alone are more
    _, errors = process.communicate(timeout=WAIT_S)
    told = errors.strip().splitlines()[-1]
    assert process.returncode == 1
    assert "could not be written" in told and "Make room on the disk and give the same command again" in told
    assert place.last_checkpoint() == first
    assert finish(start("dense", values))["steps"] == 18


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        Workplace(tmp_path / "mine").finished({})
    place = Workplace(tmp_path / "model")
    with (
        place.entered({"seed": 1}),
        pytest.raises(UsageError, match="Another process trains"),
        Workplace(tmp_path / "model").entered({"seed": 1}),
    ):
        pass
    with pytest.raises(UsageError, match="differs in seed"), place.entered({"seed": 2}):
        pass


def test_a_checkpoint_that_was_broken_off_is_not_gone_on_from(tmp_path: Path) -> None:
    place = Workplace(tmp_path / "model")
    for name, state in (("checkpoint-9", "{}"), ("checkpoint-10", "{"), ("checkpoint-12", None)):
        (place.checkpoints / name).mkdir(parents=True)
        if state:
            (place.checkpoints / name / "trainer_state.json").write_text(state)
    assert place.last_checkpoint() == place.checkpoints / "checkpoint-9"
    assert [path.name for path in place.checkpoints.iterdir()] == ["checkpoint-9"]
