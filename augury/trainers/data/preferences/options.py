"""How pairs are made."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ....schemas.profile import BranchName
from .rewards import RewardKind

PUBLISHED_TEMPERATURES = (0.8, 0.9, 1.0, 1.1)


class PreferenceOptions(BaseModel):
    """``PreferenceOptions(index="my-index", samples=4)``.

    The defaults are ExpandR's: eight samples at each of four temperatures, and its threshold; the margin is
    not, which takes the best and the worst however near they are.

    Attributes:
        index: where expansions are searched with; the published reward needs none.
        reward: what samples are ranked by; None is ``retrieval`` with an index, else ``published``.
        measure: of the ranking, from 0 to 1, as ir_measures writes it.
        branches: that are searched; None for the index's.
        query_weight: the query's share of the vector that is searched with; None for the index's.
        samples: of each temperature.
        seed: sent with each request, one more from draw to draw; None sends none.
        answers: whether similarities are also to an answer that the LLM writes from the relevant passage;
            None is so where the published reward counts.
        margin: by how much the chosen one must be worth more.
        threshold: of the best sample's similarities to the relevant passage and the answer, added up;
            where the published reward counts, a query below it gives no pair.
        queries: so many of them, drawn at random; None for all.
        dense: the encoder of similarities; None for the index's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: str | None = None
    reward: RewardKind | None = None
    measure: str = "RR"
    branches: tuple[BranchName, ...] | None = None
    query_weight: float | None = Field(default=None, ge=0, lt=1)
    samples: int = Field(default=8, ge=1)
    temperatures: tuple[float, ...] = Field(default=PUBLISHED_TEMPERATURES, min_length=1)
    seed: int | None = None
    answers: bool | None = None
    margin: float = Field(default=0.1, ge=0)
    threshold: float = 0.6
    queries: int | None = Field(default=None, ge=1)
    dense: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.index and self.reward in ("retrieval", "both"):
            raise ValueError(
                f"the reward {self.reward} searches an index. Name one, or choose the published reward"
            )
        if not all(0 < each <= 2 for each in self.temperatures):
            raise ValueError("temperatures are above 0 and at most 2")
        if self.samples * len(set(self.temperatures)) < 2:
            raise ValueError("a pair needs two samples of a query. Raise samples, or name more temperatures")
        return self

    @property
    def ranked_by(self) -> RewardKind:
        """The reward that counts."""
        return self.reward or ("retrieval" if self.index else "published")

    @property
    def with_answers(self) -> bool:
        """Whether an answer is asked for."""
        return self.ranked_by != "retrieval" if self.answers is None else self.answers
