"""A plan and the query's vectors become engine requests: all branches of a query in one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from ...schemas.plan import Branch, QueryPlan
from ...schemas.points import FloatArray, Nearest, Prefetch, ScoredPoint, SearchRequest, SparseVector
from ...schemas.profile import Profile, VectorNames
from ..fold import best_scenario
from .fuse import Ranked, ordered

_OVERSAMPLE = 10


class QueryVectors(NamedTuple):
    """A query as the branches need it: its unit vector ``(dim,)`` and its term weights."""

    dense: FloatArray | None
    sparse: SparseVector | None


def requests(
    plan: QueryPlan, profile: Profile, query: QueryVectors, *, carry: tuple[str, ...] = ()
) -> list[SearchRequest]:
    """One request a branch, in the plan's order; two for a scenarios branch with its own alpha.

    Args:
        carry: vectors that come back with what is found.

    Of the payload the lists carry what names the document; the rest is fetched for the hits alone.
    """
    dense, sparse = query
    make = partial(request, listed=profile.payload.keys("doc_id") or False)
    found: list[SearchRequest] = []
    for branch in plan.branches:
        if branch.name == "sparse":
            assert sparse is not None
            found.append(make(plan, branch.limit, Nearest(sparse, branch.using), carry=carry))
            continue
        assert dense is not None
        if branch.name == "dense":
            found.append(make(plan, branch.limit, Nearest(dense, branch.using), carry=carry))
        elif plan.alpha is None:
            found.append(make(plan, branch.limit, Nearest(dense[None, :], branch.using), carry=carry))
        else:
            found += _union(plan, branch, profile.names, dense, make)
    return found


def ranked_lists(plan: QueryPlan, answers: Sequence[list[ScoredPoint]]) -> list[Ranked]:
    """The answers to ``requests``, one ranked list a branch."""
    remaining = iter(answers)
    lists: list[Ranked] = []
    for branch in plan.branches:
        answer = next(remaining)
        if branch.name == "scenarios" and plan.alpha is not None:
            lists.append(_reweighed(plan, branch, answer, next(remaining)))
        else:
            lists.append([(point.id, point.score) for point in answer])
    return lists


def request(
    plan: QueryPlan,
    limit: int,
    query: Nearest,
    *prefetch: Prefetch,
    listed: bool | tuple[str, ...] = False,
    carry: tuple[str, ...] = (),
) -> SearchRequest:
    """One search as the plan wants it: its condition, and how exact it is.

    Args:
        listed: of the payload.
        carry: vectors that come back with what is found.
    """
    return SearchRequest(
        limit=limit,
        query=query,
        prefetch=prefetch,
        filter=plan.condition,
        payload=listed,
        vectors=carry,
        exact=plan.exact,
        oversampling=plan.oversampling,
    )


def _union(
    plan: QueryPlan,
    branch: Branch,
    names: VectorNames,
    dense: FloatArray,
    make: Callable[..., SearchRequest],
) -> list[SearchRequest]:
    """The best of both searches, all of them scored by each: another alpha needs both scores.

    Scores are exact. A passage that is among the best of neither search cannot be found, so each gives
    ``_OVERSAMPLE`` times the candidates that are kept.
    """
    passage, folded = Nearest(dense, names.dense), Nearest(dense[None, :], branch.using)
    limit = _OVERSAMPLE * branch.limit
    both = tuple(Prefetch(limit, query, filter=plan.condition) for query in (passage, folded))
    return [make(plan, 2 * limit, query, *both) for query in (passage, folded)]


def _reweighed(
    plan: QueryPlan, branch: Branch, passages: list[ScoredPoint], folded: list[ScoredPoint]
) -> Ranked:
    assert plan.alpha is not None
    by_id = {point.id: point.score for point in passages}
    shared = [point for point in folded if point.id in by_id]
    dense = np.array([by_id[point.id] for point in shared], dtype=np.float32)
    scenario = best_scenario(
        np.array([point.score for point in shared], dtype=np.float32), dense, plan.index_alpha
    )
    scores = plan.alpha * dense + (1 - plan.alpha) * scenario
    return ordered({point.id: float(score) for point, score in zip(shared, scores, strict=True)})[
        : branch.limit
    ]
