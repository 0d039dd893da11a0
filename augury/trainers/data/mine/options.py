"""What is mined."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class MiningOptions(BaseModel):
    """``MiningOptions(negatives=4, margin=0.5)``.

    Attributes:
        negatives: most of a query.
        pick: the first of those that are left, or any, drawn by ``seed``.
        margin: a candidate whose score is not this much below the lowest positive's is no negative.
        ratio: a candidate whose score is not below this share of the lowest positive's is no negative, as
            in NV-Retriever (https://arxiv.org/abs/2407.15831), where .95 was best. With a teacher and
            neither, the margin is 0.
        similarity: Jaccard similarity of pieces of five characters from which on a passage is a positive
            again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    negatives: int = Field(default=8, ge=1)
    pick: Literal["top", "random"] = "top"
    margin: float | None = Field(default=None, ge=0)
    ratio: float | None = Field(default=None, gt=0, le=1)
    similarity: float = Field(default=0.9, gt=0, le=1)
    seed: int = 0

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if self.margin is not None and self.ratio is not None:
            raise ValueError("a margin and a ratio were named; choose one")
        return self

    def bound(self, lowest: float) -> float:
        """The score from which on a candidate is no negative, by the lowest score of a positive."""
        if self.ratio is not None:
            return lowest - (1 - self.ratio) * abs(lowest)
        return lowest - (self.margin or 0.0)
