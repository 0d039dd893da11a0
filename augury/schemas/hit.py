"""What a search returns."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from .expansion import Expansion
from .plan import QueryPlan
from .profile import BranchName
from .qnet_search import QNetWork


class MatchedScenario(BaseModel):
    """The scenario nearest to the query. ``similarity`` is the cosine of the query and the scenario."""

    model_config = ConfigDict(frozen=True)

    need: str
    explanation: str = ""
    generator: str = ""
    similarity: float


class Place(BaseModel):
    """Where a stage put the passage: ``rank`` counts from 1 among that stage's candidates."""

    model_config = ConfigDict(frozen=True)

    rank: int
    score: float


class Explanation(BaseModel):
    """Why a hit is where it is: its place after each stage of the plan.

    Attributes:
        branches: by branch; a branch that did not find the passage is absent.
        fused: among all candidates, before anything was reranked or grouped; of a search by q-net, the place
            that the q-net gives it.
        reranked: by the q-net's or the cross-encoder's score alone; None where it was not scored again.
        diversified: by what diversity left of its score; None without diversity.
        scenario: the scenario nearest to the query.
    """

    model_config = ConfigDict(frozen=True)

    branches: dict[BranchName, Place] = Field(default_factory=dict)
    fused: Place
    reranked: Place | None = None
    diversified: Place | None = None
    scenario: MatchedScenario | None = None


class Hit(BaseModel):
    """One document (or, ungrouped, one passage) that answers the query, best first.

    ``score`` is the fused score, or where there was a reranker its blend with that, or the q-net's where that
    alone searched; compare scores within one search only.
    """

    model_config = ConfigDict(frozen=True)

    doc_id: str
    score: float
    title: str = ""
    text: str = ""
    chunk: int = 0
    source: str = ""
    metadata: dict[str, Any] = Field(default_factory=dict)
    explanation: Explanation

    @property
    def scenario(self) -> MatchedScenario | None:
        """The scenario that matched."""
        return self.explanation.scenario


class SearchResult(BaseModel):
    """The hits of one query, the plan that found them, and how long each part of it took.

    ``timings_ms`` has the stages ``expand``, ``encode``, ``search``, ``qnet``, ``fetch`` and ``rerank``, as
    far as there were any, and ``total``. ``qnet`` counts what a search by q-net took.
    """

    model_config = ConfigDict(frozen=True)

    query: str
    hits: list[Hit]
    plan: QueryPlan
    expansion: Expansion | None = None
    notes: list[str] = Field(default_factory=list)
    qnet: QNetWork | None = None
    timings_ms: dict[str, float] = Field(default_factory=dict)
