"""What Augury asks of the library's trainers beyond their own: checkpoints that are whole, and no card."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_model, save_model
from sentence_transformers import SentenceTransformerTrainer
from sentence_transformers.sparse_encoder import SparseEncoderTrainer

from .workplace import no_room

WEIGHTS = "weights.safetensors"


class WholeCheckpoints:
    """Mixed into a trainer of transformers or sentence-transformers."""

    accelerator: Any
    args: Any
    model: Any
    state: Any

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """A checkpoint that cannot be written whole is taken away; those before it stay as they are.

        torch tells a full disk by RuntimeError, safetensors by an error of its own.
        """
        try:
            super()._save_checkpoint(model, trial)  # type: ignore[misc]
        except (OSError, RuntimeError, SafetensorError) as error:
            path = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
            shutil.rmtree(path, ignore_errors=True)
            raise no_room(path, error) from error

    def _load_best_model(self) -> None:
        """The library only logs a failure here, and would leave the last model as the best one."""
        self._load_from_checkpoint(self.state.best_model_checkpoint)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]


class _Encoders(WholeCheckpoints):
    """Mixed into a trainer of sentence-transformers."""

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """The weights alone: a checkpoint is to go on from, and the model is saved at the end.

        The library cannot load what it saves of two encoders of which one has a LoRA.
        """
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_model(self.model, str(folder / WEIGHTS))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        load_model(self.model if model is None else model, str(Path(resume_from_checkpoint) / WEIGHTS))

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """None: the card is Augury's own, and the library's asks a hub."""


class DenseTrainer(_Encoders, SentenceTransformerTrainer):
    """SentenceTransformerTrainer with whole checkpoints."""


class SparseTrainer(_Encoders, SparseEncoderTrainer):
    """SparseEncoderTrainer with whole checkpoints."""
