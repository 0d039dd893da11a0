"""The query plan: what a search will do, as plain data."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .expansion import ExpandMode
from .profile import BranchName, FusionKind


class Branch(BaseModel):
    """One list of candidates: search the vector ``using`` for the best ``limit`` passages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: BranchName
    using: str
    limit: int = Field(ge=1)
    weight: float = Field(default=1.0, ge=0)


class QueryPlan(BaseModel):
    """What a search will do. ``print(plan.model_dump_json(indent=2))`` shows it.

    ``alpha`` is set only where it differs from the index's own; the scenarios branch then re-weighs the
    union of the dense and the folded candidates. ``group`` keeps each document's best passage only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str
    branches: tuple[Branch, ...] = Field(min_length=1)
    expand: ExpandMode = "off"
    fusion: FusionKind | None = None
    rrf_k: int = 60
    limit: int = Field(default=10, ge=1)
    group: bool = True
    filter: dict[str, Any] | None = None
    index_alpha: float = 0.0
    alpha: float | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [branch.name for branch in self.branches]
        if len(set(names)) != len(names):
            raise ValueError(f"a branch is named twice: {', '.join(names)}")
        if len(names) > 1 and self.fusion is None:
            raise ValueError("several branches need a fusion")
        return self
