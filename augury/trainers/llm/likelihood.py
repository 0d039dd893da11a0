"""How likely a model finds given answers: ``log_likelihoods(model, base, chats)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from .base import LlmBase, Messages, chat_ids


@torch.inference_mode()
def log_likelihoods(
    model: Any, base: LlmBase, chats: Sequence[tuple[Messages, str]], *, max_tokens: int
) -> list[tuple[float, int]]:
    """For each prompt and answer, the sum of the answer's log-probabilities, and of how many tokens."""
    found = []
    for prompt, answer in chats:
        start = len(base.prompt_ids(prompt))
        whole = chat_ids(base.tokenizer, [*prompt, {"role": "assistant", "content": answer}], answer=True)
        ids = torch.tensor([whole[:max_tokens]], device=model.device)  # (1, tokens)
        rest = ids.shape[1] - start
        if rest <= 0:
            found.append((0.0, 0))
            continue
        logits = model(input_ids=ids, logits_to_keep=rest + 1).logits[0, :-1].float()  # (rest, vocabulary)
        chances = logits.log_softmax(-1).gather(1, ids[0, start:, None])
        found.append((float(chances.sum()), rest))
    return found
