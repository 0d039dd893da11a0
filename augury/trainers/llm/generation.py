"""What a model folder writes by itself: ``Writer(folder).answers(prompts, max_tokens=512)``.

Greedy, in batches, with transformers: no server and no JSON schema holds it up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ...models.device import pick_device, pick_dtype
from .base import LlmBase

BATCH = 16


@dataclass(frozen=True)
class Answer:
    """``Answer(text, ended)``: whether the model came to its end by itself."""

    text: str
    ended: bool


class Writer:
    """``Writer(open_base(name), device)``: one model, loaded once."""

    def __init__(self, base: LlmBase, device: str | None = None) -> None:
        self._base = base
        where = pick_device(device)
        self._model: Any = base.model(pick_dtype(where)).to(where).eval()

    @torch.inference_mode()
    def answers(
        self,
        prompts: Sequence[list[dict[str, str]]],
        *,
        max_tokens: int,
        told: Callable[[int], None] = lambda done: None,
    ) -> list[Answer]:
        """One answer a prompt, in their order; ``told`` hears how many are there."""
        tokenizer, model = self._base.tokenizer, self._model
        ids = [self._base.prompt_ids(messages) for messages in prompts]
        found: list[Answer] = []
        for start in range(0, len(ids), BATCH):
            rows = ids[start : start + BATCH]
            width = max(map(len, rows))
            # padded at the left, as what is written goes on at the right
            padded = [[tokenizer.pad_token_id] * (width - len(row)) + row for row in rows]
            mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
            written = model.generate(
                input_ids=torch.tensor(padded, device=model.device),
                attention_mask=torch.tensor(mask, device=model.device),
                max_new_tokens=max_tokens,
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                eos_token_id=sorted(self._base.ends),
                pad_token_id=tokenizer.pad_token_id,
            )
            for row in written[:, width:].tolist():
                end = next((place for place, token in enumerate(row) if token in self._base.ends), None)
                text = tokenizer.decode(row if end is None else row[:end], skip_special_tokens=True)
                found.append(Answer(text, end is not None))
            told(len(found))
        return found


def smoke(answers: Sequence[Answer]) -> str:
    """What is wrong with everything that a model wrote; empty where nothing is."""
    texts = [answer.text.strip() for answer in answers]
    if not any(texts):
        return "it writes nothing"
    if all(len(set(text.split())) <= 2 < len(text.split()) for text in texts if text):
        return "it writes the same word over and over"
    return ""
