"""Finding passages by the q-net alone: all of them scored, or those that a walk through the index comes by.

``found, work = yield from by_qnet(plan, profile, started)`` takes part in ``core.search_steps``. No engine
can rank by a network, so that a walk alternates: the q-net scores candidates, and the engine is asked for
more of what scores well. ``neighbours`` is algorithm 1 of Killingback, Zeng and Zamani 2025
(https://arxiv.org/abs/2502.05364); the engine stands in for its graph, so that neighbours are those by the
similarity of the vector that the q-net reads, not by L2. ``gradient`` asks for what is most similar to the
gradient of the score at a good passage: what the score's linear approximation there puts first. Where the
q-net is linear, that is the answer.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...models.reranker import MadeQNet
from ...schemas.plan import QueryPlan
from ...schemas.points import FloatArray, Nearest, PointId, Record
from ...schemas.profile import Profile
from ...schemas.qnet_search import QNetSearch, QNetWork
from .best import Best, Scored
from .candidates import Candidates
from .compile import request
from .diversify import POOL
from .rerank import vectors_of
from .steps import Differentiate, Evaluate, Fetch, Look, Make, Search, Step

BLOCK = 1000
"""Passages that are read at once where all are scored: 3 MB at width 768, and ten times that for the moment
in which they come out of the engine as Python's numbers."""
_TOLD_APART = 5
"""Digits by which two directions of length 1 differ."""


class Visit(NamedTuple):
    """The passages that were new, and whether any of them is now among the best."""

    scored: list[Scored]
    better: bool


Visiting = Generator[Step, Any, Visit]


def by_qnet(
    plan: QueryPlan, profile: Profile, started: Candidates | None
) -> Generator[Step, Any, tuple[Candidates, QNetWork]]:
    """The q-net's best passages, and what finding them took.

    Args:
        started: what the branches found, where the plan starts from that.
    """
    assert plan.qnet is not None
    walk = _Walk(plan, plan.qnet, profile, (yield Make(plan.query)))
    if plan.qnet.method == "exhaustive":
        yield from walk.everything()
    else:
        first = yield from walk.start(started)
        yield from walk.by_neighbours(first) if plan.qnet.method == "neighbours" else walk.by_gradient()
    return walk.found(started), walk.work


class _Walk:
    """One query's way through the index."""

    def __init__(self, plan: QueryPlan, way: QNetSearch, profile: Profile, qnet: MadeQNet) -> None:
        self._plan = plan
        self._way = way
        self._layout = profile.payload
        self._listed = profile.payload.keys("doc_id") or False
        self._qnet = qnet
        later = (plan.rerank.depth if plan.rerank else 0, POOL if plan.diversity else 0)
        self._best = Best(max(plan.limit, way.width, *later), self._one_of)
        self._seen: set[PointId] = set()
        self.work = QNetWork()

    def everything(self) -> Generator[Step, Any, None]:
        """Score every passage that the plan's condition lets through, page by page."""
        start: PointId | None = None
        while True:
            page = yield Look(self._plan.condition, self._listed, BLOCK, (self._way.using,), start)
            self._count(engine_calls=1)
            yield from self._score(page.records)
            start = page.next
            if start is None:
                return

    def start(self, started: Candidates | None) -> Visiting:
        """Score what the branches found, or the first passages by id.

        Ids that Augury makes are hashes, so that their order is random, and the same every time.
        """
        if started is not None:
            self._count(engine_calls=1, engine_queries=len(self._plan.branches))
            return (yield from self._visit(point for point, _ in started.fused))
        page = yield Look(self._plan.condition, self._listed, self._way.random, (self._way.using,))
        self._count(engine_calls=1)
        self._seen.update(record.id for record in page.records)
        return (yield from self._score(page.records))

    def by_neighbours(self, visit: Visit) -> Generator[Step, Any, None]:
        """From the best of those that came last to their nearest neighbours, while that finds better ones."""
        for _ in range(self._way.rounds):
            centres = sorted(visit.scored, key=Scored.order)[: self._way.width]
            if not centres:
                return
            # One more than is wanted, since each is its own neighbour.
            visit = yield from self._nearest(self._vectors(centres), self._way.reach + 1)
            if not visit.better:
                return

    def by_gradient(self) -> Generator[Step, Any, None]:
        """From the best so far to where the score rises from there, while that finds better ones."""
        taken: set[PointId] = set()
        for _ in range(self._way.rounds):
            ends = [each for each in self._best.ranked if each.record.id not in taken][: self._way.width]
            if not ends:
                return
            taken.update(each.record.id for each in ends)
            slopes = yield Differentiate(self._qnet, self._vectors(ends))
            self._count(gradients=len(ends))
            directions = _directions(slopes, mean=self._way.mean)
            if not len(directions):
                return
            visit = yield from self._nearest(directions, self._way.reach)
            if not visit.better:
                return

    def found(self, started: Candidates | None) -> Candidates:
        """The best, in the place of what was fused."""
        best = self._best.ranked
        found = Candidates(
            self._plan,
            list(started.lists.values()) if started else [],
            [[each.record for each in best]],
            self._layout,
            ranked=[(each.record.id, each.score) for each in best],
        )
        found.notes += started.notes if started else []
        return found

    def _nearest(self, vectors: FloatArray, reach: int) -> Visiting:
        """Visit what the engine finds nearest to each of the vectors."""
        using = self._way.using
        answers = yield Search([request(self._plan, reach, Nearest(vector, using)) for vector in vectors])
        self._count(engine_calls=1, engine_queries=len(vectors), rounds=1)
        return (yield from self._visit(point.id for answer in answers for point in answer))

    def _visit(self, points: Iterable[PointId]) -> Visiting:
        new = [point for point in dict.fromkeys(points) if point not in self._seen]
        if not new:
            return Visit([], False)
        self._seen.update(new)
        records = yield Fetch(new, (self._way.using,), payload=self._listed)
        self._count(engine_calls=1)
        return (yield from self._score(list(records.values())))

    def _score(self, records: Sequence[Record]) -> Visiting:
        """Score passages; one that has no such vector, which an app's may lack, is passed by."""
        there = vectors_of({record.id: record for record in records}, self._way.using)
        usable = [record for record in records if record.id in there]
        if not usable:
            return Visit([], False)
        scores = yield Evaluate(self._qnet, np.stack(list(there.values())))
        self._count(evaluations=len(usable))
        scored = [Scored(float(score), record) for score, record in zip(scores, usable, strict=True)]
        return Visit(scored, self._best.add(scored))

    def _vectors(self, scored: Sequence[Scored]) -> FloatArray:
        return np.stack([np.asarray(each.record.vectors[self._way.using]) for each in scored])

    def _one_of(self, record: Record) -> PointId:
        return self._layout.doc_id_of(record.payload, record.id) if self._plan.group else record.id

    def _count(self, **more: int) -> None:
        self.work = self.work.model_copy(
            update={name: getattr(self.work, name) + number for name, number in more.items()}
        )


def _directions(slopes: FloatArray, *, mean: bool) -> FloatArray:
    """Directions of length 1, each once; a slope of 0 leads nowhere.

    Engines rank by them as by the slopes: neither cosine nor dot product changes its order with the query's
    length.
    """
    units = [slope / length for slope in slopes if (length := np.linalg.norm(slope)) > 0]
    if mean and len(units) > 1 and (length := np.linalg.norm(centre := np.mean(units, axis=0))) > 0:
        units.append(centre / length)
    alike = {tuple(np.round(unit, _TOLD_APART)): unit for unit in units}
    return np.array(list(alike.values()), dtype=np.float32)
