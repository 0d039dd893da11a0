"""The query plan: what a search will do, as plain data."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .expansion import ExpandMode
from .points import Filter
from .profile import BranchName, FusionKind, PoolKind, RerankKind
from .qnet_search import QNetSearch


class Branch(BaseModel):
    """One list of candidates: search the vector ``using`` for the best ``limit`` passages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: BranchName
    using: str
    limit: int = Field(ge=1)
    weight: float = Field(default=1.0, ge=0)


class Rerank(BaseModel):
    """Score the best ``depth`` passages again, by the q-net made from the query or by a cross-encoder.

    ``weight`` is the reranker's share of the final score. ``using`` is the vector that the q-net reads; a
    cross-encoder reads the text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: RerankKind
    model: str
    using: str | None = None
    depth: int = Field(ge=1)
    weight: float = Field(ge=0, le=1)


class Tenant(BaseModel):
    """Whose documents a search sees: those whose metadata ``field`` is ``value``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    value: str = Field(min_length=1)

    def within(self, filter: Filter | None = None) -> Filter:
        """The tenant's documents, and of those what the filter lets through: nothing in it leads outside."""
        mine: Filter = {"key": self.field, "match": {"value": self.value}}
        return {"must": [mine, filter] if filter else [mine]}


class QueryPlan(BaseModel):
    """What a search will do. ``print(plan.model_dump_json(indent=2))`` shows it, ``model_validate_json``
    reads it back.

    ``alpha`` is set only where it differs from the index's own; the scenarios branch then re-weighs the
    union of the dense and the folded candidates. ``pool`` soft then scores the branch's candidates again, by
    all of their scenarios instead of the best one. ``diversity`` above 0 trades score for hits unlike the
    ones before them (MMR). ``group`` keeps each document's best passage only. ``notes`` tell what may not be
    as it was meant, such as a filter without an index. ``tenant`` holds beside ``filter``, whatever that
    says. ``oversampling`` is set where vectors are quantized: so many times the candidates are scored again
    by their whole vectors, 0 for none. ``qnet`` is set where a q-net alone says which passages are found; the
    branches then give what it starts from, and there are none where it needs none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str
    branches: tuple[Branch, ...]
    qnet: QNetSearch | None = None
    expand: ExpandMode = "off"
    fusion: FusionKind | None = None
    rrf_k: int = Field(default=60, ge=1)
    rerank: Rerank | None = None
    diversity: float = Field(default=0.0, ge=0, le=1)
    limit: int = Field(default=10, ge=1)
    group: bool = True
    filter: dict[str, Any] | None = None
    tenant: Tenant | None = None
    exact: bool = False
    oversampling: float | None = Field(default=None, ge=0)
    index_alpha: float = 0.0
    alpha: float | None = None
    pool: PoolKind = "max"
    pool_temperature: float = Field(default=0.1, gt=0)
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [branch.name for branch in self.branches]
        if bool(names) == (self.qnet is not None and not self.qnet.starts_from_branches):
            raise ValueError("a search needs branches, but for one by q-net that does not start from them")
        if len(set(names)) != len(names):
            raise ValueError(f"a branch is named twice: {', '.join(names)}")
        if len(names) > 1 and self.fusion is None:
            raise ValueError("several branches need a fusion")
        if self.rerank is not None and (self.rerank.using is None) != (self.rerank.by == "cross-encoder"):
            raise ValueError("a hypencoder reads a vector and a cross-encoder reads none")
        return self

    @property
    def condition(self) -> Filter | None:
        """What a passage must fulfil to be found: the tenant's and the filter."""
        return self.tenant.within(self.filter) if self.tenant else self.filter

    @property
    def reads_dense(self) -> bool:
        """Whether a branch needs the query's dense vector."""
        return any(branch.name != "sparse" for branch in self.branches)
