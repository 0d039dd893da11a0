"""What the branches found: their lists, the fused one, and who is where in each."""

from __future__ import annotations

from collections.abc import Sequence

from ...schemas.hit import Place
from ...schemas.payload_layout import PayloadLayout
from ...schemas.plan import QueryPlan
from ...schemas.points import PointId, Record, ScoredPoint
from ...schemas.profile import BranchName
from .fuse import Ranked, fuse


class Candidates:
    """``Candidates(plan, ranked_lists(plan, answers), answers, layout)``: of one plan.

    Args:
        ranked: all of them, where something else than fusion ranked them.

    Attributes:
        lists: each branch's ranked passages, in the plan's order.
        fused: all of them, best first; where a q-net searched, what that found.
        records: the points as the engine gave them.
        notes: what may be worth knowing of the search.
    """

    def __init__(
        self,
        plan: QueryPlan,
        lists: Sequence[Ranked],
        answers: Sequence[Sequence[Record]],
        layout: PayloadLayout,
        ranked: Ranked | None = None,
    ) -> None:
        self._plan = plan
        self._layout = layout
        self.lists: dict[BranchName, Ranked] = dict(
            zip((branch.name for branch in plan.branches), lists, strict=True)
        )
        self.records: dict[PointId, Record] = {point.id: point for answer in answers for point in answer}
        self.fused = fuse(lists, plan) if ranked is None else ranked
        self.notes: list[str] = []

    def grouped(self, ranked: Ranked) -> Ranked:
        """Each document's best passage only, where the plan groups."""
        if not self._plan.group:
            return ranked
        best: dict[str, tuple[PointId, float]] = {}
        for point, score in ranked:
            best.setdefault(self._document(point), (point, score))
        return list(best.values())

    def may_lack_documents(self, answers: Sequence[list[ScoredPoint]]) -> bool:
        """Whether grouping left too few documents although a branch had more passages to give."""
        limit = self._plan.branches[0].limit
        if not any(len(answer) >= limit for answer in answers):
            return False
        found = {self._document(point) for point, _ in self.fused} if self._plan.group else self.fused
        return len(found) < self._plan.limit

    def places(
        self, points: Sequence[PointId]
    ) -> tuple[dict[PointId, dict[BranchName, Place]], dict[PointId, Place]]:
        """Rank and score of each point in each branch that found it, and in the fused list."""
        places: dict[PointId, dict[BranchName, Place]] = {point: {} for point in points}
        for name, ranked in self.lists.items():
            for rank, (point, score) in enumerate(ranked, start=1):
                if point in places:
                    places[point][name] = Place(rank=rank, score=score)
        fused = {
            point: Place(rank=rank, score=score)
            for rank, (point, score) in enumerate(self.fused, start=1)
            if point in places
        }
        return places, fused

    def _document(self, point: PointId) -> str:
        return self._layout.doc_id_of(self.records[point].payload, point)
