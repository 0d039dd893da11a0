"""What was added to a query before it was searched."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .llm import Sampling

ExpandMode = Literal["off", "rules", "llm", "auto"]
"""``rules``: the rule table only; ``llm``: also passages of an LLM; ``auto``: those where the first search is
unsure."""


class ExpansionProfile(BaseModel):
    """How queries are expanded.

    ExpandR (Yao et al., EMNLP 2025, https://arxiv.org/abs/2502.17057) averages the query with one passage
    of at most 512 tokens, drawn at temperature 1 and top_p .9, at equal weights: ``query_weight=0.5``. The
    default trusts the query more; docs/llm.md has the figures.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: ExpandMode = "off"
    passages: int = Field(default=1, ge=1, le=32, description="passages written per query")
    query_weight: float = Field(default=0.8, ge=0, le=1, description="share of the query in the mean")
    sampling: Sampling = Sampling(max_tokens=96, temperature=1.0, top_p=0.9)
    unsure_below: float = Field(default=0.5, description="auto expands where the best score is less")


class Expansion(BaseModel):
    """What a query became. ``rules`` is empty where no rule matched, ``passages`` where none was written.

    ``unsure`` is what ``auto`` found of the first search; ``note`` says why passages are missing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: ExpandMode
    rules: str = ""
    passages: tuple[str, ...] = ()
    unsure: bool | None = None
    note: str = ""
