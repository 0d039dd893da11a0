"""What the trainers' commands are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .options import together

POSITIVE = click.IntRange(1)
FRACTION = click.FloatRange(0, 1, min_open=True, max_open=True)

place_options = together(
    click.option(
        "--to", metavar="FOLDER", help="Where the model goes. Work lies beside it until it is done."
    ),
    click.option(
        "--config",
        "file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A TOML file of the options; flags go before it.",
    ),
)
"""Where the model goes, and the file of options."""
run_options = together(
    click.option("--evaluate-every", type=POSITIVE, metavar="STEPS", help="[default: each epoch]"),
    click.option("--patience", type=POSITIVE, help="Evaluations without a better one  [default: 3]"),
    click.option(
        "--precision", type=click.Choice(["auto", "float32", "bfloat16", "float16"]), help="[default: auto]"
    ),
    click.option(
        "--device", metavar="NAME", help="cuda, mps or cpu  [default: the first of them that is there]"
    ),
    click.option("--seed", type=int, help="[default: 42]"),
    click.option(
        "--licence", metavar="SPDX", help="Of the trained model, for its card  [default: the base's]"
    ),
    click.option("--tensorboard", is_flag=True, default=None, help="Write logs to FOLDER.logs."),
    click.option("--keep-checkpoints", is_flag=True, default=None, help="Do not delete FOLDER.training."),
    click.option(
        "--allow-worse", is_flag=True, default=None, help="Let a model pass that is worse than its base."
    ),
    click.option("--quiet", "-q", is_flag=True, help="No progress bar."),
)
"""How a run goes on, whatever is trained."""
judged_options = together(
    click.option(
        "--dev",
        metavar="FOLDER[:SPLIT]",
        help="Judged queries, BEIR layout  [default: queries of DATA, held out]",
    ),
    click.option("--dev-queries", type=POSITIVE, help="Most queries evaluated  [default: 1000]"),
    click.option("--dev-documents", type=POSITIVE, help="Most documents searched for them  [default: 10000]"),
    click.option("--measure", metavar="NAME", help="What decides  [default: nDCG@10]"),
)
"""What a retrieval model is judged by."""
common_options = together(
    place_options,
    click.option(
        "--base", metavar="MODEL", help="A folder, starter: or hub name  [default: a starter model]"
    ),
    judged_options,
    click.option("--dev-share", type=FRACTION, help="Share of DATA's queries held out  [default: 0.1]"),
    click.option("--negatives", type=click.IntRange(0, 64), help="Hard negatives of a query  [default: 1]"),
    click.option("--epochs", type=click.FloatRange(0, min_open=True), help="[default: 3]"),
    click.option("--max-steps", type=POSITIVE, help="Instead of epochs."),
    click.option("--batch", type=POSITIVE, help="Queries of a step on one device  [default: 32]"),
    click.option("--accumulate", type=POSITIVE, help="Batches of a step  [default: 1]"),
    click.option("--temperature", type=click.FloatRange(0, min_open=True), help="Scores are divided by it."),
    click.option("--max-tokens", type=click.IntRange(8), help="Tokens read of a text  [default: the base's]"),
    run_options,
)
"""What every trainer is told; see ``TrainingConfig``."""
smaller_options = together(
    click.option("--to", metavar="FOLDER", required=True, help="Where the smaller model goes."),
    click.option("--base", metavar="MODEL", help="What is made smaller  [default: starter:splade-tiny]"),
    judged_options,
    click.option("--dev-share", type=FRACTION, help="Share of DATA's queries held out  [default: 0.1]"),
    click.option("--device", metavar="NAME", help="cuda, mps or cpu"),
    click.option("--allow-worse", is_flag=True, default=None, help="Let a model pass that is worse."),
    click.option("--quiet", "-q", is_flag=True, help="No progress bar."),
)
"""What is told where nothing is trained."""


def rate(default: str) -> Callable[[Any], Any]:
    return click.option(
        "--lr",
        "learning_rate",
        type=click.FloatRange(0, min_open=True),
        help=f"Learning rate  [default: {default}]",
    )


encoder_options = together(
    click.option("--mini-batch", type=click.IntRange(0), help="Texts at once in the network (GradCache)."),
    rate("2e-5"),
)
llm_training_options = together(
    place_options,
    click.option(
        "--base", metavar="MODEL", help="A folder, starter: or hub name  [default: starter:smollm2]"
    ),
    click.option("--dev-share", type=FRACTION, help="Share held out  [default: 0.1]"),
    click.option("--dev-rows", type=POSITIVE, help="Most of it that chooses the step  [default: 64]"),
    click.option("--gate-rows", type=POSITIVE, help="Most of it that the gate writes for  [default: 32]"),
    click.option("--epochs", type=click.FloatRange(0, min_open=True), help="[default: 3]"),
    click.option("--max-steps", type=POSITIVE, help="Instead of epochs."),
    click.option("--batch", type=POSITIVE, help="Examples of a step on one device  [default: 8]"),
    click.option("--accumulate", type=POSITIVE, help="Batches of a step  [default: 1]"),
    rate("2e-5"),
    click.option("--lora-rank", type=click.IntRange(0), help="0 trains every weight."),
    click.option("--lora-alpha", type=POSITIVE, help="The LoRA is scaled by alpha / rank."),
    click.option("--max-tokens", type=click.IntRange(64), help="Of prompt and answer  [default: 4096]"),
    click.option("--gradient-checkpointing", is_flag=True, default=None, help="Less memory, more work."),
    run_options,
)
"""What both trainers of LLMs are told; see ``LlmConfig``."""
