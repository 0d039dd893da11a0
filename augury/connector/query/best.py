"""The best of what a q-net has scored so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ...schemas.points import PointId, Record


class Scored(NamedTuple):
    """A passage with its score."""

    score: float
    record: Record

    def order(self) -> tuple[float, str]:
        """To sort by: best first, equal ones by id."""
        return -self.score, str(self.record.id)


class Best:
    """``Best(100, key).add(scored)``: the best ``keep`` passages, one of each key.

    Args:
        key: what there is to be one of: a passage's id, or that of its document.
    """

    def __init__(self, keep: int, key: Callable[[Record], PointId]) -> None:
        self._keep = keep
        self._key = key
        self.ranked: list[Scored] = []

    def add(self, scored: Sequence[Scored]) -> bool:
        """Whether any of them is now among the best."""
        full = len(self.ranked) == self._keep
        floor = self.ranked[-1].score if full else -float("inf")
        before = {each.record.id for each in self.ranked}
        best: dict[PointId, Scored] = {}
        for each in sorted((*self.ranked, *(new for new in scored if new.score >= floor)), key=Scored.order):
            best.setdefault(self._key(each.record), each)
            if len(best) == self._keep:
                break
        self.ranked = list(best.values())
        return any(each.record.id not in before for each in self.ranked)
