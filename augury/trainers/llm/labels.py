"""What a batch teaches: ``check_batch(labels, mask, ends)`` sees that it is answers, with their ends."""

from __future__ import annotations

import torch

from ...errors import ModelError

IGNORED = -100
"""The label of a token that is not learnt."""


def check_batch(labels: torch.Tensor, mask: torch.Tensor, ends: frozenset[int]) -> str:
    """What a batch teaches, as a sentence: the end of each answer, and neither prompt nor padding.

    Args:
        labels, mask: ``(rows, tokens)``.

    Raises ``ModelError`` where padding is learnt, where no answer is, or where its end is not.
    """
    if bool(((labels != IGNORED) & (mask == 0)).any()):
        raise ModelError("Padding would be learnt", "Use a base whose tokenizer tells padding apart")
    for row in labels:
        learnt = row[row != IGNORED].tolist()
        if not learnt or int(row[0]) != IGNORED:
            raise ModelError(
                "The chat template does not tell the answer from the prompt", "Use another instruct model"
            )
        if not ends & set(learnt):
            raise ModelError(
                "No answer ends with a token that stops generation, so the model would never stop",
                "Use another instruct model, or raise max_tokens",
            )
    return "Prompt and padding are not learnt, and the end of an answer is."
