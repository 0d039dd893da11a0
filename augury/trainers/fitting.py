"""One run of a trainer: ``fit(...)`` for those of sentence-transformers, or ``run(trainer, ...)`` for any.

It goes on from the last whole checkpoint.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback, TrainerState

from ..errors import MissingDependency, UsageError
from ..models.device import pick_device, pick_dtype
from .batches import NoFalseNegatives
from .config import RunConfig, TrainingConfig
from .exact import ExactRetrieval
from .gate import Progress
from .prepared import Prepared
from .rows import Row
from .workplace import STATE, Workplace

QUERY, EXPANSION, POSITIVE, NEGATIVE, LABEL = "query", "expansion", "positive", "negative", "label"
KEPT = 1
"""Checkpoints beside the best one."""
BY_SCORE: dict[str, Any] = {"metric_for_best_model": "eval_score", "greater_is_better": True}
"""How ``TrainingArguments`` are told that an evaluator's score chooses the step."""


@dataclass(frozen=True)
class Fitted:
    """``Fitted(steps, best_step)``: how far a run went, and which step's model was the best.

    ``curve`` has the score of each evaluated step, and ``checks`` is what was seen to hold on the way.
    """

    steps: int
    best_step: int
    curve: tuple[tuple[int, float], ...] = ()
    checks: tuple[str, ...] = ()


def require_training(*others: str) -> None:
    """Raises ``MissingDependency`` where the packages of the ``train`` extra are not installed."""
    for package in ("accelerate", "datasets", *others):
        try:
            __import__(package)
        except ImportError as error:
            raise MissingDependency(package, "train") from error


def columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Rows as the trainers read them: a column for the query, each expansion, the positive, each negative."""
    first = rows[0]
    found: dict[str, list[Any]] = {QUERY: [row.query for row in rows]}
    for place in range(len(first.expansions)):
        found[f"{EXPANSION}_{place}"] = [row.expansions[place] for row in rows]
    found[POSITIVE] = [row.positive for row in rows]
    for place in range(len(first.negatives)):
        found[f"{NEGATIVE}_{place}"] = [row.negatives[place] for row in rows]
    if first.scores:
        found[LABEL] = [list(row.scores) for row in rows]
    return found


def precision_of(config: RunConfig) -> torch.dtype | None:
    """What the network computes in while the weights stay float32; None for float32 too.

    Raises ``UsageError`` for float16 on a device that has none.
    """
    device = pick_device(config.device)
    if config.precision == "float16" and not device.startswith("cuda"):
        raise UsageError(
            f"float16 needs a CUDA device, and this is {device}", "Use precision auto or bfloat16"
        )
    if config.precision == "auto":
        native = pick_dtype(device) is torch.bfloat16
        return torch.bfloat16 if native else torch.float16 if device.startswith("cuda") else None
    return {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}[config.precision]


def require_one_gpu_a_process(config: RunConfig) -> None:
    """Raises ``UsageError`` where one process sees several GPUs, on which TRL does not train."""
    count = torch.cuda.device_count() if pick_device(config.device).startswith("cuda") else 0
    if count > 1 and "LOCAL_RANK" not in os.environ:
        raise UsageError(
            f"{count} GPUs are visible to one process",
            f"Put torchrun --nproc-per-node {count} -m before the command to use them all, or "
            "CUDA_VISIBLE_DEVICES=0 to use one",
        )


def fit(
    trainer_kind: type[Any],
    arguments_kind: type[Any],
    model: Any,
    loss: torch.nn.Module,
    config: TrainingConfig,
    prepared: Prepared,
    place: Workplace,
    evaluator: ExactRetrieval,
    progress: Progress,
    *,
    prompts: Mapping[str, str | None],
    callbacks: Sequence[TrainerCallback] = (),
    **more: Any,
) -> Fitted:
    """``fit(DenseTrainer, SentenceTransformerTrainingArguments, model, loss, ...)``: train ``model``.

    It is the best of the evaluated steps in the end.

    Args:
        trainer_kind, arguments_kind: of sentence-transformers.
        prompts: what goes before queries (``query``) and documents (``document``).
        more: further ones for ``arguments_kind``.
    """
    from datasets import Dataset

    table = columns(prepared.rows)
    texts = [name for name in table if name != LABEL]
    made = arguments_kind(
        **run_arguments(config, place),
        **BY_SCORE,
        batch_sampler=partial(NoFalseNegatives, rows=prepared.rows),
        router_mapping=routes(texts),
        prompts={name: prompts[route] for name, route in routes(texts).items() if prompts.get(route)},
        **more,
    )
    trainer = trainer_kind(
        model=model,
        args=made,
        train_dataset=Dataset.from_dict(table),
        loss=loss,
        evaluator=evaluator,
        callbacks=[*run_callbacks(config, progress), *callbacks],
    )
    return run(trainer, place)


def run_arguments(config: RunConfig, place: Workplace) -> dict[str, Any]:
    """What the choices of a run are called in transformers' ``TrainingArguments``."""
    precision = precision_of(config)
    every = "steps" if config.evaluate_every else "epoch"
    return {
        "output_dir": str(place.checkpoints),
        "num_train_epochs": config.epochs,
        "max_steps": config.max_steps or -1,
        "per_device_train_batch_size": config.batch,
        "gradient_accumulation_steps": config.accumulate,
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": "constant_with_warmup" if config.schedule == "constant" else config.schedule,
        "warmup_steps": config.warmup,
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "bf16": precision is torch.bfloat16,
        "fp16": precision is torch.float16,
        "seed": config.seed,
        "use_cpu": pick_device(config.device) == "cpu",
        "eval_strategy": every,
        "eval_steps": config.evaluate_every,
        "save_strategy": every,
        "save_steps": config.evaluate_every or 500,
        "save_total_limit": KEPT,
        "load_best_model_at_end": True,
        "restore_callback_states_from_checkpoint": True,
        "logging_steps": 10,
        "report_to": _loggers(config, place),
        "disable_tqdm": True,
        "dataloader_pin_memory": pick_device(config.device).startswith("cuda"),
    }


def run_callbacks(config: RunConfig, progress: Progress) -> list[TrainerCallback]:
    """What every run does beside its steps."""
    return [_Told(progress), EarlyStoppingCallback(config.patience)]


def run(trainer: Any, place: Workplace) -> Fitted:
    """Train from the last whole checkpoint on; the trainer's model is the best one in the end."""
    trainer.remove_callback(PrinterCallback)  # the command line draws progress; a library prints nothing
    checkpoint = place.last_checkpoint()
    ended = _ended(checkpoint) if checkpoint else None
    if ended is None:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    else:
        trainer.state = ended
        trainer._load_best_model()
    state = trainer.state
    curve = {entry["step"]: entry["eval_score"] for entry in state.log_history if "eval_score" in entry}
    return Fitted(state.global_step, state.best_global_step or state.global_step, tuple(curve.items()))


def _ended(checkpoint: Path) -> TrainerState | None:
    """What a run came to whose last checkpoint this is; None for one that is to go on.

    The library would train a step more than it was told to, and go on after an early stop.
    """
    state: TrainerState = TrainerState.load_from_json(str(checkpoint / STATE))
    told: Any = state.stateful_callbacks or {}
    stopped = told.get("TrainerControl", {}).get("args", {}).get("should_training_stop", False)
    return state if stopped or state.global_step >= state.max_steps else None


def routes(names: Sequence[str]) -> dict[str, str]:
    """Which way of a model each column takes: that of queries, or that of documents."""
    return {name: "query" if name == QUERY else "document" for name in names}


def is_main() -> bool:
    """Whether this process is the first of those that train together."""
    return int(os.environ.get("RANK", "0")) == 0


def _loggers(config: RunConfig, place: Workplace) -> list[str]:
    if not config.tensorboard:
        return []
    try:
        import tensorboard  # noqa: F401
    except ImportError as error:
        raise MissingDependency("tensorboard", "train") from error
    os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(place.folder.with_name(f"{place.folder.name}.logs")))
    return ["tensorboard"]


class _Told(TrainerCallback):
    """Tells how far a run is."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._progress("Training", state.global_step, state.max_steps)
