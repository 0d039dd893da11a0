from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from augury.errors import UsageError
from augury.trainers.config import DenseConfig, SpladeConfig, dense_config, read_toml, splade_config, to_toml
from augury.trainers.presets import DENSE_PRESETS, SPLADE_PRESETS

GIVEN = {"data": "records.jsonl", "to": "model"}


def test_a_flag_goes_before_the_file_and_the_file_before_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text('preset = "dpr"\nbatch = 7\nepochs = 2\n')
    config = dense_config({**GIVEN, "epochs": 1}, file=file)
    assert (config.epochs, config.batch, config.towers) == (1, 7, "two")
    assert config.learning_rate == DENSE_PRESETS["dpr"].values["learning_rate"]


@pytest.mark.parametrize("name", DENSE_PRESETS)
def test_dense_presets_are_configs_with_a_source(name: str) -> None:
    config = dense_config(GIVEN, preset=name)
    assert DENSE_PRESETS[name].source
    assert all(getattr(config, field) == value for field, value in DENSE_PRESETS[name].values.items())


@pytest.mark.parametrize("name", SPLADE_PRESETS)
def test_splade_presets_are_configs_with_a_source(name: str) -> None:
    assert splade_config(GIVEN, preset=name).base == SPLADE_PRESETS[name].values["base"]
    assert SPLADE_PRESETS[name].source


@pytest.mark.parametrize(
    "config",
    [
        DenseConfig(data='a "b" \\ c\n\x7f', to="é", query_prompt="query: ", max_tokens=64),
        SpladeConfig(data="a", to="b", learning_rate=1e-7, tensorboard=True),
    ],
)
def test_a_config_written_as_toml_reads_the_same(tmp_path: Path, config: Any) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(to_toml(config), encoding="utf-8")
    assert type(config).model_validate(read_toml(file)) == config


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"loss": "triplet", "negatives": 2}, "the triplet loss takes one negative"),
        ({"loss": "margin-mse", "negatives": 0}, "needs a negative"),
        ({"mini_batch": 8, "expansions": 1}, "mini_batch works with the contrastive loss"),
        ({"document_base": "other"}, "Set towers to two"),
        ({"batch": 1, "negatives": 0}, "nothing to tell apart"),
        ({"bach": 3}, "Extra inputs"),
    ],
)
def test_contradictions_are_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        dense_config({**GIVEN, **values})


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("batch = = 3")
    with pytest.raises(UsageError, match="is no TOML"):
        dense_config(GIVEN, file=broken)
    with pytest.raises(UsageError, match=r"no preset 'e5'. Use one of minilm, dpr"):
        dense_config(GIVEN, preset="e5")
