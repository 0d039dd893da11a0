"""The planner: what a search will do, decided from the query, the index's Profile and the options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ...errors import QueryError
from ...schemas.expansion import ExpandMode
from ...schemas.plan import Branch, QueryPlan, Rerank, Tenant
from ...schemas.points import Filter
from ...schemas.profile import BranchName, FusionKind, PoolKind, Profile, RerankKind
from ...schemas.qnet_search import QNetSearch, QNetWay
from ..fold import MAX_ALPHA
from .filter_fields import index_notes

MAX_WORDS = 2000
"""No model reads more: of the encoders here the longest window is 8,192 tokens, the usual one 512."""
LONG_WORDS = 300
"""From here on, a window of 512 tokens may end before the query does."""


class SearchOptions(BaseModel):
    """``SearchOptions(limit=5, branches=("dense",))``. What is None follows the Profile.

    Args:
        weights: of branches; those that are left out follow the Profile.
        pool: ``max`` or ``soft``: whether a passage's best scenario or all of them make its score.
        candidates: passages taken from each branch.
        rerank: how many of the best candidates are scored again; 0 for none.
        reranker: by what; by default what the Profile says.
        rerank_weight: the reranker's share of the final score.
        diversity: 0 to 1: how much a hit loses for being like those before it.
        group: ``False`` returns passages instead of documents.
        tenant: whose documents are searched, in an index of several tenants.
        exact: compare every vector, even where a server has a graph that answers sooner.
        by_qnet: ``exhaustive``, ``neighbours`` or ``gradient``: find by the Hypencoder's q-net alone, with
            settings of ``QNetWay`` after a colon. The branches, by default dense, are what it starts from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int = Field(default=10, ge=1)
    branches: tuple[BranchName, ...] | None = None
    weights: dict[BranchName, float] | None = None
    filter: Filter | None = None
    tenant: str | None = Field(default=None, min_length=1)
    exact: bool | None = None
    alpha: float | None = Field(default=None, ge=0, le=1)
    expand: ExpandMode | None = None
    fusion: FusionKind | None = None
    pool: PoolKind | None = None
    candidates: int | None = Field(default=None, ge=1)
    rerank: int | None = Field(default=None, ge=0)
    reranker: RerankKind | None = None
    rerank_weight: float | None = Field(default=None, ge=0, le=1)
    diversity: float = Field(default=0.0, ge=0, le=1)
    group: bool = True
    by_qnet: str | None = None

    @field_validator("by_qnet")
    @classmethod
    def _a_way(cls, text: str | None) -> str | None:
        return None if text is None else QNetWay.read(text).text


class QueryPlanner:
    """``QueryPlanner().plan("my query", profile, SearchOptions(limit=5))`` gives a plan, plain data."""

    def plan(self, query: str, profile: Profile, options: SearchOptions) -> QueryPlan:
        """Raises ``QueryError`` for a query that is empty or far too long, or for what the index cannot
        answer, and ``FilterError`` for a filter that cannot be understood."""
        words = _checked(query)
        qnet = _qnet(profile, options)
        names = self._branches(profile, options.branches, qnet)
        rerank = self._rerank(profile, options)
        candidates = options.candidates or max(profile.search.candidates, rerank.depth if rerank else 0)
        weights = {**profile.search.weights, **self._weights(options.weights or {}, names)}
        notes = list(index_notes(options.filter, profile)) if options.filter else []
        if words > LONG_WORDS:
            notes.append(f"The query has {words:,} words; what is beyond a model's window is not read.")
        if options.rerank_weight is not None and rerank is None:
            notes.append("The rerank weight changes nothing, because nothing is reranked.")
        return QueryPlan(
            query=query,
            branches=tuple(
                Branch(
                    name=name,
                    using=getattr(profile.names, name),
                    limit=max(candidates, options.limit),
                    weight=weights.get(name, 1.0),
                )
                for name in names
            ),
            qnet=qnet,
            expand=(options.expand or profile.expansion.mode) if names else "off",
            fusion=(options.fusion or profile.search.fusion) if len(names) > 1 else None,
            rrf_k=profile.search.rrf_k,
            rerank=rerank,
            diversity=options.diversity,
            limit=options.limit,
            group=options.group,
            filter=options.filter,
            tenant=_tenant(profile, options.tenant),
            exact=profile.search.exact if options.exact is None else options.exact,
            oversampling=_oversampling(profile),
            index_alpha=profile.scenarios.alpha,
            alpha=self._alpha(profile, options.alpha),
            pool=self._pool(profile, options.pool, names),
            pool_temperature=profile.search.pool_temperature,
            notes=tuple(notes),
        )

    def _branches(
        self, profile: Profile, wanted: Sequence[BranchName] | None, qnet: QNetSearch | None
    ) -> tuple[BranchName, ...]:
        if qnet and not qnet.starts_from_branches:
            if wanted:
                raise QueryError(
                    f"A search by q-net that is {qnet.text} starts from no branch", "Leave the branches out"
                )
            return ()
        if wanted is None and qnet:
            return ("dense",)
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

    def _weights(
        self, weights: Mapping[BranchName, float], branches: Sequence[BranchName]
    ) -> dict[BranchName, float]:
        for name, weight in weights.items():
            if name not in branches:
                raise QueryError(
                    f"The {name} branch has a weight but is not searched",
                    f"Leave the weight out, or search it too: --branches {','.join([*branches, name])}",
                )
            if not 0 <= weight < float("inf"):
                raise QueryError(f"The weight of the {name} branch is {weight}", "Use a number from 0")
        if weights and not any(weights.get(name, 1.0) for name in branches):
            raise QueryError("All branches have the weight 0", "Give one of them more")
        return dict(weights)

    def _rerank(self, profile: Profile, options: SearchOptions) -> Rerank | None:
        asked = options.rerank is not None or options.reranker is not None
        by = options.reranker or profile.rerank.by
        if options.rerank == 0 or (by is None and not asked):
            return None
        if options.by_qnet and by != "cross-encoder":
            if asked:
                raise QueryError(
                    "What the q-net found need not be reranked by it",
                    "Leave the reranker out, or name a cross-encoder",
                )
            return None
        if by is None:  # asked for without saying by what
            by = "hypencoder" if profile.hypencoder or not profile.rerank.cross_encoder else "cross-encoder"
        depth = options.rerank or profile.rerank.depth
        weight = profile.rerank.weight if options.rerank_weight is None else options.rerank_weight
        if by == "cross-encoder":
            if not profile.rerank.cross_encoder:
                raise QueryError("No cross-encoder is named", "Name one: --cross-encoder MODEL")
            return Rerank(by=by, model=profile.rerank.cross_encoder, depth=depth, weight=weight)
        if profile.hypencoder is None:
            raise QueryError(
                "This index has no reranker",
                "Name a Hypencoder made for its dense vectors (--hypencoder starter:hypencoder-minilm for "
                "those of starter:minilm), or a cross-encoder (--cross-encoder MODEL)",
            )
        return Rerank(
            by=by, model=profile.hypencoder.model, using=_read_by_q_nets(profile), depth=depth, weight=weight
        )

    def _pool(self, profile: Profile, pool: PoolKind | None, branches: Sequence[BranchName]) -> PoolKind:
        if pool == "soft" and "scenarios" not in branches:
            raise QueryError(
                "A soft maximum over scenarios needs the scenarios branch",
                f"Search it too: --branches scenarios,{','.join(branches)}",
            )
        pool = pool or (profile.search.pool if "scenarios" in branches else "max")
        if pool == "soft" and profile.scenarios.alpha > MAX_ALPHA:
            raise _lost(profile)
        return pool

    def _alpha(self, profile: Profile, alpha: float | None) -> float | None:
        if alpha is None or alpha == profile.scenarios.alpha:
            return None
        if profile.scenarios.alpha > MAX_ALPHA:
            raise _lost(profile)
        return alpha


def _lost(profile: Profile) -> QueryError:
    return QueryError(
        f"The index was folded with alpha {profile.scenarios.alpha!r} and lost its scenarios",
        "Ingest again with --scenarios and a smaller --alpha",
    )


def check_plan(plan: QueryPlan, profile: Profile) -> None:
    """Raise ``QueryError`` for a plan that was made for another index, or for this one as it was before."""
    reason = ""
    stage = plan.rerank
    if plan.index_alpha != profile.scenarios.alpha:
        reason = f"is for rows folded with alpha {plan.index_alpha:g}, not {profile.scenarios.alpha:g}"
    elif (plan.tenant.field if plan.tenant else None) != profile.tenant:
        reason = "does not say whose documents to search" if profile.tenant else "is for one with tenants"
    elif any(branch.using != getattr(profile.names, branch.name) for branch in plan.branches):
        reason = "names other vectors"
    elif profile.sparse is None and any(branch.name == "sparse" for branch in plan.branches):
        reason = "searches sparse vectors, and there are none"
    elif stage is not None and stage.by == "cross-encoder" and stage.model != profile.rerank.cross_encoder:
        reason = f"reranks by {stage.model}, and the cross-encoder here is {profile.rerank.cross_encoder!r}"
    elif (
        stage is not None
        and stage.by == "hypencoder"
        and (
            profile.hypencoder is None
            or (stage.model, stage.using) != (profile.hypencoder.model, _read_by_q_nets(profile))
        )
    ):
        reason = f"reranks by {stage.model}, which is not the Hypencoder here"
    elif plan.qnet and (
        profile.hypencoder is None
        or (plan.qnet.model, plan.qnet.using) != (profile.hypencoder.model, _read_by_q_nets(profile))
    ):
        reason = f"searches by q-nets of {plan.qnet.model}, which is not the Hypencoder here"
    if reason:
        raise QueryError(f"The plan does not fit this index: it {reason}", "Plan the query again")


def confined(profile: Profile, tenant: str | None) -> Filter | None:
    """``confined(index.profile, "acme")``: what a tenant's passages fulfil; None in an index without tenants.

    Raises ``QueryError`` where a tenant must be named, or cannot be.
    """
    whose = _tenant(profile, tenant)
    return whose.within() if whose else None


def _tenant(profile: Profile, value: str | None) -> Tenant | None:
    if profile.tenant is None and value is not None:
        raise QueryError("This index has no tenants", "Leave the tenant out")
    if profile.tenant is None:
        return None
    if value is None:
        raise QueryError(
            f"This index holds the documents of several tenants, told apart by {profile.tenant}",
            "Say whose to search: --tenant VALUE, or SearchOptions(tenant=VALUE)",
        )
    return Tenant(field=profile.tenant, value=value)


def _qnet(profile: Profile, options: SearchOptions) -> QNetSearch | None:
    if options.by_qnet is None:
        return None
    if profile.hypencoder is None:
        raise QueryError(
            "This index has no Hypencoder, whose q-nets could be searched by",
            "Name one that reads the dense vectors with --hypencoder MODEL, or ingest into a new index with "
            "--hypencoder MODEL",
        )
    way = QNetWay.read(options.by_qnet)
    return QNetSearch(**dict(way), model=profile.hypencoder.model, using=_read_by_q_nets(profile))


def _oversampling(profile: Profile) -> float | None:
    if profile.storage.quantization == "none":
        return None
    return profile.storage.oversampling if profile.storage.rescore else 0.0


def _read_by_q_nets(profile: Profile) -> str:
    return profile.names.hypencoder if profile.own_hypencoder else profile.names.dense


def _checked(query: str) -> int:
    """The number of the query's words, which must be of use."""
    if not query.strip():
        raise QueryError("The query is empty", "Say what you are looking for")
    if not query.isascii() and any("\ud800" <= char <= "\udfff" for char in query):
        raise QueryError("The query is not valid Unicode", "Type it in a terminal that uses UTF-8")
    words = len(query.split())
    if words > MAX_WORDS:
        raise QueryError(
            f"The query has {words:,} words, and no model reads more than a few hundred",
            f"Say it in at most {MAX_WORDS:,} words",
        )
    return words
