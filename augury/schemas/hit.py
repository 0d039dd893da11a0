"""What a search returns."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from .expansion import Expansion
from .profile import BranchName


class MatchedScenario(BaseModel):
    """The scenario nearest to the query. ``similarity`` is the cosine of the query and the scenario."""

    model_config = ConfigDict(frozen=True)

    need: str
    explanation: str = ""
    generator: str = ""
    similarity: float


class BranchScore(BaseModel):
    """Where a branch put the passage: ``rank`` counts from 1 among its candidates."""

    model_config = ConfigDict(frozen=True)

    rank: int
    score: float


class Hit(BaseModel):
    """One document (or, ungrouped, one passage) that answers the query, best first.

    ``branches`` holds the branches that found it; a branch that did not is absent.
    """

    model_config = ConfigDict(frozen=True)

    doc_id: str
    score: float
    title: str = ""
    text: str = ""
    chunk: int = 0
    source: str = ""
    metadata: dict[str, Any] = Field(default_factory=dict)
    scenario: MatchedScenario | None = None
    branches: dict[BranchName, BranchScore] = Field(default_factory=dict)


class SearchResult(BaseModel):
    """The hits of one query, what was added to the query, and how long each part took."""

    model_config = ConfigDict(frozen=True)

    query: str
    hits: list[Hit]
    expansion: Expansion | None = None
    timings_ms: dict[str, float] = Field(default_factory=dict)
