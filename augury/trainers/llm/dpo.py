"""TRL's ``DPOTrainer`` with whole checkpoints."""

from __future__ import annotations

from trl.trainer.dpo_trainer import DPOTrainer

from .checkpoints import LlmCheckpoints


class PreferenceTrainer(LlmCheckpoints, DPOTrainer):
    """``DPOTrainer`` whose reference is the base of a new LoRA, or a frozen copy of one that there was."""
