"""Whole runs with a tiny Llama: what comes out, kill -9 at any time, a full disk, and input that is none."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from augury.cli import main
from augury.connector.ingest.scenario_prompt import parse_analysis, scenario_chat
from augury.errors import AuguryError
from augury.schemas.profile import GenerationProfile
from augury.schemas.training_report import TrainingReport
from augury.trainers.expander import train_expander
from augury.trainers.llm.config import expander_config, scenario_config
from augury.trainers.llm.held import drawn_apart
from augury.trainers.llm.teacher import lessons, split
from augury.trainers.scenarios import train_scenarios
from augury.trainers.workplace import Workplace
from tests.trainers.llm.conftest import pair_lines, teacher_lines, write_lines
from tests.trainers.test_resume import ROOT, WAIT_S, finish, kill_at, start, weights

start_llm = partial(start, module="tests.trainers.llm.child")
COUNTS = st.integers(min_value=1, max_value=70)
SMALL = {
    "batch": 4,
    "learning_rate": 5e-3,
    "max_steps": 12,
    "evaluate_every": 3,
    "dev_rows": 4,
    "gate_rows": 2,
    "answer_tokens": 16,
    "lora_rank": 4,
    "lora_dropout": 0.1,
    "precision": "float32",
    "device": "cpu",
    "patience": 99,
    "max_tokens": 2048,
    "allow_worse": True,
}


def values_of(kind: str, folder: Path, base: Path) -> dict[str, Any]:
    lines = teacher_lines(40) if kind == "scenarios" else pair_lines(40)
    data = write_lines(folder / "data.jsonl", lines)
    return {**SMALL, "data": str(data), "base": str(base)}


@pytest.mark.parametrize("kind", ["scenarios", "expander"])
def test_a_killed_run_ends_with_the_weights_of_an_undisturbed_one(
    kind: str, tmp_path: Path, tiny_llm: Callable[..., Path]
) -> None:
    values = values_of(kind, tmp_path, tiny_llm())
    whole = finish(start_llm(kind, {**values, "to": str(tmp_path / "whole")}))
    broken = {**values, "to": str(tmp_path / "broken")}
    place = Workplace(tmp_path / "broken")
    kill_at(start_llm(kind, broken), (place.checkpoints / "checkpoint-6").is_dir)
    kill_at(start_llm(kind, broken), place.model.is_dir)
    report = finish(start_llm(kind, broken))
    assert (report["steps"], report["best_step"]) == (whole["steps"], whole["best_step"])
    assert report["kind"] == kind and len(report["checks"]) >= 2
    mine, theirs = weights(tmp_path / "broken"), weights(tmp_path / "whole")
    assert mine.keys() == theirs.keys()
    for name, tensor in theirs.items():
        torch.testing.assert_close(mine[name], tensor, atol=1e-5, rtol=1e-4)
    before = weights(tiny_llm())
    assert any(not torch.equal(before[name], tensor) for name, tensor in theirs.items())


def test_a_full_disk_at_a_checkpoint_is_told(tmp_path: Path, tiny_llm: Callable[..., Path]) -> None:
    values = {**values_of("expander", tmp_path, tiny_llm()), "to": str(tmp_path / "model")}
    process = start_llm("expander", values, "20000")  # bytes
    _, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1
    assert "could not be written" in errors.strip().splitlines()[-1]
    assert Workplace(tmp_path / "model").last_checkpoint() is None


def test_every_weight_can_be_trained(tmp_path: Path, tiny_llm: Callable[..., Path]) -> None:
    values = values_of("scenarios", tmp_path, tiny_llm())
    config = scenario_config({**values, "to": str(tmp_path / "model"), "lora_rank": 0, "max_steps": 3})
    report = train_scenarios(config)
    assert report is not None and report.steps == 3
    assert "vllm serve model" in (tmp_path / "model/README.md").read_text()
    assert json.loads((tmp_path / "model/generation_config.json").read_text())["eos_token_id"]
    assert train_scenarios(config) == report


def test_every_weight_can_be_trained_by_preference_in_bfloat16(
    tmp_path: Path, tiny_llm: Callable[..., Path]
) -> None:
    values = values_of("expander", tmp_path, tiny_llm())
    given = {**values, "to": str(tmp_path / "model"), "lora_rank": 0, "precision": "bfloat16", "max_steps": 3}
    report = train_expander(expander_config(given))
    assert report is not None and any("rewards are 0" in check for check in report.checks)


def test_pairs_that_do_not_fit_are_left_out_and_told(tmp_path: Path, tiny_llm: Callable[..., Path]) -> None:
    values = values_of("expander", tmp_path, tiny_llm())
    lines = pair_lines(40)
    lines[7]["chosen"] = "a kettle " * 2000
    write_lines(tmp_path / "data.jsonl", lines)
    report = train_expander(expander_config({**values, "to": str(tmp_path / "model"), "max_steps": 3}))
    assert report is not None
    assert report.notes == ("Pairs left out, as 2048 tokens do not hold prompt and answer: 1.",)


@pytest.mark.parametrize("kind", ["scenarios", "expander"])
def test_two_processes_train_one_model(kind: str, tmp_path: Path, tiny_llm: Callable[..., Path]) -> None:
    """By batches of half the size they come to the weights of one process; run again, both see it is done."""
    values = {**values_of(kind, tmp_path, tiny_llm()), "lora_dropout": 0.0, "max_steps": 6}
    alone = finish(start_llm(kind, {**values, "to": str(tmp_path / "alone")}))
    halved = {**values, "batch": 2, "to": str(tmp_path / "two")}
    launcher = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m")
    for _ in range(2):
        command = [sys.executable, "-m", *launcher, "tests.trainers.llm.child", kind, json.dumps(halved)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WAIT_S, check=False)
        assert ended.returncode == 0, ended.stderr
    both = TrainingReport.model_validate_json((tmp_path / "two/augury_training.json").read_text())
    assert (both.steps, both.counts.rows) == (alone["steps"], alone["counts"]["rows"])
    mine, theirs, before = (weights(folder) for folder in (tmp_path / "two", tmp_path / "alone", tiny_llm()))
    for name, tensor in theirs.items():
        torch.testing.assert_close(mine[name], tensor, atol=1e-4, rtol=1e-3)
    assert any((before[name] - tensor).abs().max() > 1e-3 for name, tensor in theirs.items())


@pytest.mark.parametrize("train", [train_scenarios, train_expander])
def test_one_process_that_sees_several_gpus_is_told(
    train: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("augury.trainers.fitting.pick_device", lambda _: "cuda")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    config = scenario_config if train is train_scenarios else expander_config
    with pytest.raises(AuguryError, match="4 GPUs are visible to one process"):
        train(config({"data": str(tmp_path / "data.jsonl"), "to": str(tmp_path / "model")}))


@given(held=st.lists(st.integers(), min_size=2, unique=True), choosing=COUNTS, judging=COUNTS)
def test_no_row_both_chooses_and_judges(held: list[int], choosing: int, judging: int) -> None:
    first, second = drawn_apart(held, choosing, judging, 1)
    assert first and second and set(first).isdisjoint(second) and set(first) | set(second) <= set(held)
    assert len(first) <= choosing and len(second) <= judging
    assert len(first) + len(second) == min(len(held), choosing + judging)


def test_an_adapter_is_trained_on_and_is_the_reference(tmp_path: Path, tiny_llm: Callable[..., Path]) -> None:
    from augury.trainers.llm.base import open_base
    from tests.trainers.llm.test_silent import with_lora

    with_lora(open_base(str(tiny_llm())), 0.1).save_pretrained(str(tmp_path / "sft"))
    values = values_of("expander", tmp_path, tiny_llm())
    config = expander_config(
        {**values, "to": str(tmp_path / "model"), "adapter": str(tmp_path / "sft"), "max_steps": 3}
    )
    report = train_expander(config)
    assert report is not None
    assert any("rewards are 0" in check for check in report.checks)
    assert report.measures["accuracy"].before.mean == 0.5


def test_training_teaches_what_the_teacher_wrote(tmp_path: Path, tiny_llm: Callable[..., Path]) -> None:
    """The very prompt of ingest, and an answer that its parser reads, of the wanted number of needs."""
    found = lessons(str(write_lines(tmp_path / "t.jsonl", teacher_lines(20))), "").lessons
    lesson = found[3]
    chat = scenario_chat(lesson.text, GenerationProfile(needs=1))
    assert lesson.prompt(1) == chat.messages(lesson.text)
    read = parse_analysis(lesson.answer(1))
    assert [each.information_need for each in read.explanation()] == ["A user wants a drain 3."]
    train, held = split(found, 0.2, 1)
    assert len(train) == 16 and len(held) == 4
    alike = [
        lesson.__class__(f"twin{number}", f"{lesson.text}.", lesson.record)
        for number, lesson in enumerate(found)
    ]
    train, held = split([*found, *alike], 0.2, 1)
    assert {lesson.text.strip(".") for lesson in train}.isdisjoint(lesson.text.strip(".") for lesson in held)


def test_preferences_are_learnt(tmp_path: Path, tiny_llm: Callable[..., Path]) -> None:
    values = values_of("expander", tmp_path, tiny_llm())
    given = {**values, "to": str(tmp_path / "model"), "max_steps": 60, "evaluate_every": 20, "gate_rows": 20}
    report = train_expander(expander_config({**given, "allow_worse": False, "dev_share": 0.3}))
    assert isinstance(report, TrainingReport)
    assert report.measures["accuracy"].after.mean > 0.8


BAD: list[tuple[str, str, dict[str, Any], str]] = [
    ("scenarios", "", {}, "has no scenarios"),
    ("scenarios", json.dumps(teacher_lines(1)[0]), {}, "too few that differ"),
    ("scenarios", '{"doc_id": "1", "explanation": "I am sorry"}', {}, "Line 1 of .* is no scenario record"),
    ("scenarios", "Here are the scenarios:", {}, "Line 1 of .* is no scenario record"),
    ("scenarios", '{"doc_id": "1", "explanation": []}', {}, "without their texts"),
    ("scenarios", "", {"base": "starter:minilm"}, "is a dense model"),
    ("expander", "", {}, "has no preference pair"),
    ("expander", json.dumps(pair_lines(1)[0]), {}, "too few that differ"),
    ("expander", json.dumps({**pair_lines(1)[0], "chosen_reward": 0}), {}, "chosen_reward is not more"),
    ("expander", json.dumps(pair_lines(1)[0]), {"base": "no-such-folder/x"}, "no-such-folder"),
]


@pytest.mark.parametrize(("kind", "text", "changes", "told"), BAD)
def test_input_that_cannot_be_used_is_told_before_anything_is_written(
    kind: str, text: str, changes: dict[str, Any], told: str, tmp_path: Path, tiny_llm: Callable[..., Path]
) -> None:
    (tmp_path / "data.jsonl").write_text(text, encoding="utf-8")
    values = {"data": str(tmp_path / "data.jsonl"), "to": str(tmp_path / "model"), "base": str(tiny_llm())}
    with pytest.raises(AuguryError, match=told):
        if kind == "scenarios":
            train_scenarios(scenario_config({**values, **changes}))
        else:
            train_expander(expander_config({**values, **changes}))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.jsonl"]


def test_a_base_that_is_no_language_model_is_refused(tmp_path: Path, base: Callable[..., Path]) -> None:
    data = write_lines(tmp_path / "data.jsonl", teacher_lines(9))
    result = CliRunner().invoke(
        main, ["train", "scenarios", str(data), "--to", str(tmp_path / "m"), "--base", str(base("sparse"))]
    )
    assert result.exit_code == 1
    assert "is no causal language model" in result.output
