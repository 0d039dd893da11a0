"""The planner: what a search will do, decided from the query, the index's Profile and the options."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from ...errors import QueryError
from ...schemas.expansion import ExpandMode
from ...schemas.plan import Branch, QueryPlan
from ...schemas.points import Filter
from ...schemas.profile import BranchName, FusionKind, Profile
from ..fold import MAX_ALPHA


class SearchOptions(BaseModel):
    """``SearchOptions(limit=5, branches=("dense",))``. What is None follows the Profile.

    ``group=False`` returns passages instead of documents.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int = Field(default=10, ge=1)
    branches: tuple[BranchName, ...] | None = None
    filter: Filter | None = None
    alpha: float | None = Field(default=None, ge=0, le=1)
    expand: ExpandMode | None = None
    fusion: FusionKind | None = None
    candidates: int | None = Field(default=None, ge=1)
    group: bool = True


class QueryPlanner:
    """``QueryPlanner().plan("my query", profile, SearchOptions(limit=5))`` gives a plan, plain data."""

    def plan(self, query: str, profile: Profile, options: SearchOptions) -> QueryPlan:
        """Raises ``QueryError`` for an empty query or for what the index cannot answer."""
        if not query.strip():
            raise QueryError("The query is empty", "Say what you are looking for")
        if not query.isascii() and any("\ud800" <= char <= "\udfff" for char in query):
            raise QueryError("The query is not valid Unicode", "Type it in a terminal that uses UTF-8")
        names = self._branches(profile, options.branches)
        candidates = max(options.candidates or profile.search.candidates, options.limit)
        return QueryPlan(
            query=query,
            branches=tuple(
                Branch(
                    name=name,
                    using=getattr(profile.names, name),
                    limit=candidates,
                    weight=profile.search.weights.get(name, 1.0),
                )
                for name in names
            ),
            expand=options.expand or profile.expansion.mode,
            fusion=(options.fusion or profile.search.fusion) if len(names) > 1 else None,
            rrf_k=profile.search.rrf_k,
            limit=options.limit,
            group=options.group,
            filter=options.filter,
            index_alpha=profile.scenarios.alpha,
            alpha=self._alpha(profile, options.alpha),
        )

    def _branches(self, profile: Profile, wanted: Sequence[BranchName] | None) -> tuple[BranchName, ...]:
        if wanted is None:
            return tuple(name for name in profile.search.branches if name != "sparse" or profile.sparse)
        if not wanted:
            raise QueryError("No branch was named", "Choose from scenarios, dense and sparse")
        if "sparse" in wanted and profile.sparse is None:
            raise QueryError(
                "This index has no sparse vectors",
                "Leave the sparse branch out, or ingest with --sparse bm25",
            )
        return tuple(dict.fromkeys(wanted))

    def _alpha(self, profile: Profile, alpha: float | None) -> float | None:
        if alpha is None or alpha == profile.scenarios.alpha:
            return None
        if profile.scenarios.alpha > MAX_ALPHA:
            raise QueryError(
                f"The index was folded with alpha {profile.scenarios.alpha!r} and lost its scenarios",
                "Ingest again with --scenarios and a smaller --alpha",
            )
        return alpha
