"""``augury train scenarios`` and ``augury train expander``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .terminal import json_option
from .train_options import llm_training_options
from .train_run import chosen, finish, stages


@click.command(short_help="Distil an LLM that writes scenarios.")
@click.argument("data", required=False)
@click.option("--preset", type=click.Choice(["spike", "smollm2"]), help="A known recipe.")
@click.option("--documents", metavar="SOURCE", help="What DATA's scenarios were made of, if it has no texts.")
@click.option("--needs", type=click.IntRange(1, 16), help="Scenarios it learns to write  [default: 4]")
@click.option("--answer-tokens", type=click.IntRange(16), help="Of the gate's answers  [default: 1024]")
@click.option("--encoder", metavar="MODEL", help="Compares with the teacher's  [default: starter:minilm]")
@llm_training_options
@json_option
def scenarios(file: Path | None, preset: str | None, quiet: bool, as_json: bool, **options: Any) -> None:
    """Teach a small LLM to write scenarios as a strong one does.

    DATA is a file of the strong one's scenarios (augury generate scenarios --teacher). The model learns the
    very prompt that ingest sends and the answer that ingest reads. What comes out is a whole model folder,
    for vLLM or any server that loads one.

    \b
    augury generate scenarios docs/ -o teacher.jsonl --teacher --llm-model gpt-4o
    augury train scenarios teacher.jsonl --to my-llm --preset smollm2
    augury train scenarios teacher.jsonl --to my-llm --preset spike
    augury train scenarios teacher.jsonl --documents docs/ --to my-llm --base my-base --lora-rank 0
    torchrun --nproc-per-node 4 -m augury train scenarios teacher.jsonl --to my-llm --preset spike
    """
    from ..trainers.llm.config import scenario_config
    from ..trainers.scenarios import train_scenarios

    config = scenario_config(chosen(options), file=file, preset=preset or "")
    with stages(quiet=quiet or as_json) as told:
        finish(train_scenarios(config, told), as_json)


@click.command(short_help="Train an LLM that writes expansions, by preferences.")
@click.argument("data", required=False)
@click.option("--preset", type=click.Choice(["expandr", "smollm2"]), help="A known recipe.")
@click.option("--adapter", metavar="FOLDER", help="A PEFT adapter of the base to train on; the reference.")
@click.option(
    "--beta", type=click.FloatRange(0, min_open=True), help="Cost of leaving the reference  [default: 0.1]"
)
@click.option("--answer-tokens", type=click.IntRange(16), help="Of the gate's passages  [default: 128]")
@llm_training_options
@json_option
def expander(file: Path | None, preset: str | None, quiet: bool, as_json: bool, **options: Any) -> None:
    """Teach an LLM by preferences (DPO) to write expansions that help a search.

    DATA is a file of preference pairs (augury generate preferences).

    \b
    augury train expander preferences.jsonl --to my-llm --preset smollm2
    augury train expander preferences.jsonl --to my-llm --preset expandr
    augury train expander preferences.jsonl --to my-llm --base my-base --adapter my-sft-adapter
    """
    from ..trainers.expander import train_expander
    from ..trainers.llm.config import expander_config

    config = expander_config(chosen(options), file=file, preset=preset or "")
    with stages(quiet=quiet or as_json) as told:
        finish(train_expander(config, told), as_json)
