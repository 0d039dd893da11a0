"""The command line has a flag for what a run is usually told, and the help names the real defaults."""

from __future__ import annotations

import re
from typing import Any

import click
import pytest
from click.testing import CliRunner

from augury.cli import main
from augury.cli.train import dense, hypencoder, splade
from augury.trainers.config import DenseConfig, SpladeConfig
from augury.trainers.hypencoder_config import HypencoderTraining, hypencoder_config
from augury.trainers.hypencoder_presets import HYPENCODER_PRESETS
from augury.trainers.presets import DENSE_PRESETS, SPLADE_PRESETS

BY_FILE_ALONE = {"schedule", "warmup", "weight_decay", "max_grad_norm", "tolerance"}
KINDS = [(dense, DenseConfig), (splade, SpladeConfig), (hypencoder, HypencoderTraining)]
OF_THE_COMMAND = {"file", "preset", "quiet", "as_json"}


@pytest.mark.parametrize(("command", "config"), KINDS)
def test_flags_are_the_fields_of_the_config(command: click.Command, config: Any) -> None:
    flags = {str(parameter.name) for parameter in command.params} - OF_THE_COMMAND
    assert flags | BY_FILE_ALONE == set(config.model_fields)


@pytest.mark.parametrize(("command", "config"), KINDS)
def test_defaults_in_the_help_are_those_of_the_config(command: click.Command, config: Any) -> None:
    for parameter in command.params:
        named = re.search(r"\[default: ([\d.e-]+)\]", str(getattr(parameter, "help", "")))
        if named:
            default = config.model_fields[str(parameter.name)].default
            assert float(named[1]) == default, parameter.name


def test_presets_of_the_help_are_those_there_are() -> None:
    known = ((dense, DENSE_PRESETS), (splade, SPLADE_PRESETS), (hypencoder, HYPENCODER_PRESETS))
    for command, presets in known:
        (preset,) = (each for each in command.params if each.name == "preset")
        assert isinstance(preset.type, click.Choice)
        assert list(preset.type.choices) == list(presets)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "data: Field required; to: Field required"),
        (["nowhere.jsonl", "--to", "model"], "nowhere.jsonl is not there"),
        (["nowhere.jsonl", "--to", "model", "--loss", "triplet", "--negatives", "3"], "takes one negative"),
    ],
)
def test_what_is_missing_is_told_in_a_sentence(arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(main, ["train", "dense", *arguments])
    assert result.exit_code in (1, 2)
    assert told in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_every_preset_makes_a_config() -> None:
    for name in HYPENCODER_PRESETS:
        assert hypencoder_config({"data": "records.jsonl", "to": "model"}, preset=name).data
