"""The transformers ``Trainer`` of a ``Ranker``: its batches, its evaluation, and small checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback

from .batches import NoFalseNegatives
from .checkpoints import WEIGHTS, WholeCheckpoints
from .ranker import Ranker
from .ranker_inputs import RankerInputs, Texts
from .rows import Row


class Batches:
    """``Batches(rows, texts, inputs)([3, 17])``: the arguments of a ``Ranker`` for some rows."""

    def __init__(self, rows: Sequence[Row], texts: Texts, inputs: RankerInputs) -> None:
        self._inputs = inputs
        self._positives = [texts.place[row.positive] for row in rows]
        self._negatives = [[texts.place[each] for each in row.negatives] for row in rows]
        self._scores = [row.scores for row in rows]

    def __call__(self, rows: Sequence[int]) -> dict[str, Any]:
        batch: dict[str, Any] = {
            "queries": self._inputs.queries(rows),
            "positives": self._inputs.passages([self._positives[row] for row in rows]),
        }
        negatives = [place for row in rows for place in self._negatives[row]]
        if negatives:
            batch["negatives"] = self._inputs.passages(negatives)
        if self._scores[rows[0]]:
            batch["teacher"] = torch.tensor([self._scores[row] for row in rows])
        return batch


class HypencoderTrainer(WholeCheckpoints, Trainer):
    """``HypencoderTrainer(ranker, arguments, rows, batches, evaluator)``: small checkpoints."""

    def __init__(
        self,
        ranker: Ranker,
        arguments: Any,
        rows: Sequence[Row],
        batches: Batches,
        evaluator: Callable[[Ranker], dict[str, float]],
        callbacks: Sequence[TrainerCallback],
    ) -> None:
        self._rows = rows
        self._evaluator = evaluator
        places: Any = list(range(len(rows)))
        super().__init__(
            model=ranker,
            args=arguments,
            data_collator=batches,
            train_dataset=places,
            eval_dataset=places[:1],  # asked for, and not read: the evaluator has its own queries
            callbacks=list(callbacks),
        )

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Batches without false negatives."""
        places: Any = self.train_dataset
        sampler = NoFalseNegatives(
            places, self.args.train_batch_size, drop_last=False, seed=self.args.seed, rows=self._rows
        )
        self.accelerator.even_batches = False
        loader: DataLoader[Any] = DataLoader(
            places,
            batch_sampler=sampler,
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
        )
        prepared: DataLoader[Any] = self.accelerator.prepare(loader)
        return prepared

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """What the evaluator finds."""
        ranker: Any = self.model
        found = self._evaluator(ranker)
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in found.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """What is trained: a frozen encoder is where the base is."""
        folder = Path(output_dir or str(self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        trained = {
            name: parameter.detach().contiguous()
            for name, parameter in self.model.named_parameters()
            if parameter.requires_grad
        }
        save_file(trained, folder / WEIGHTS)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        network = self.model if model is None else model
        network.load_state_dict(load_file(Path(resume_from_checkpoint) / WEIGHTS), strict=False)
