"""What an expander is trained on: ``PreferencePair``, one a line of a JSON Lines file.

Two passages that an LLM wrote for one query, of which one led a search to the query's relevant documents and
the other did not (ExpandR, Yao et al. 2025, https://arxiv.org/abs/2502.17057).
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Message(BaseModel):
    """``Message(role="user", content="...")``: one turn, as chat templates read it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: str = Field(min_length=1)


class PreferencePair(BaseModel):
    """``PreferencePair(query_id="q1", query="...", prompt=(...), chosen="...", rejected="...", ...)``.

    Attributes:
        prompt: the very messages that both passages answered; the last is the user's.
        chosen, rejected: the model's own answers, as they came.
        chosen_reward, rejected_reward: what each is worth; the chosen one is worth more.
        rewards: parts of them by name, where they have any.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    query_id: str
    query: str = Field(min_length=1)
    prompt: tuple[Message, ...] = Field(min_length=1)
    chosen: str = Field(min_length=1)
    rejected: str = Field(min_length=1)
    chosen_reward: float
    rejected_reward: float
    rewards: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.prompt[-1].role != "user":
            raise ValueError("the prompt does not end with the user's message")
        if self.chosen == self.rejected:
            raise ValueError("chosen and rejected are the same text")
        if not self.chosen_reward > self.rejected_reward:
            raise ValueError("chosen_reward is not more than rejected_reward")
        return self
