"""Supervised fine-tuning on answers alone: TRL's ``SFTTrainer``, with prompts' common beginning read once.

Every prompt of ingest begins with the same instructions and the same example, several times as long as a
document. A batch reads them once: their keys and values are computed for one row, repeated for the others,
and get the gradients of all. It is the same loss and the same gradient (a test holds it to TRL's own), at
half the work and memory or less.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import cross_entropy
from trl.trainer.sft_trainer import SFTTrainer

from .checkpoints import LlmCheckpoints
from .labels import IGNORED

_WORTH = 32
"""Tokens; a shorter common beginning is not worth a second pass."""


class AnswerTrainer(LlmCheckpoints, SFTTrainer):
    """``SFTTrainer`` with whole checkpoints. Gradient checkpointing and several processes take TRL's way."""

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        alone = self.accelerator.num_processes == 1 and not self.args.gradient_checkpointing
        length = common_prefix(inputs["input_ids"], inputs["labels"]) if alone and not return_outputs else 0
        if length < _WORTH or len(inputs["input_ids"]) < 2:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)  # type: ignore[no-untyped-call]
        labels = inputs["labels"]
        count = (labels != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
        return answer_loss(model, inputs, length) / count


def common_prefix(ids: torch.Tensor, labels: torch.Tensor) -> int:
    """How many tokens all rows begin with alike, none of which is learnt; every row has one more.

    Args:
        ids, labels: ``(rows, tokens)``.
    """
    unlike = ((ids != ids[:1]) | (labels != IGNORED)).any(dim=0)  # (tokens,)
    places = unlike.nonzero()
    return int(places[0]) if len(places) else 0


def answer_loss(model: Any, batch: dict[str, Any], length: int) -> torch.Tensor:
    """Negative log-likelihoods of what is learnt, summed; the first ``length`` tokens are read once."""
    ids, labels = batch["input_ids"], batch["labels"]
    start = int((labels != IGNORED).any(dim=0).nonzero()[0])  # no row learns anything before
    read = model(input_ids=ids[:1, :length], use_cache=True, logits_to_keep=1)
    cache = read.past_key_values
    cache.batch_repeat_interleave(len(ids))
    kept = ids.shape[1] - max(start - 1, length)
    out = model(
        input_ids=ids[:, length:],
        attention_mask=batch["attention_mask"],
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=kept,
    )
    logits = out.logits[:, :-1].float()  # (rows, kept - 1, vocabulary)
    targets = labels[:, -logits.shape[1] :]
    return cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum")
