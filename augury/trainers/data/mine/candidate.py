"""A passage that may become a negative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ....errors import AuguryError
from ....schemas.points import PointId
from ....schemas.training import TrainingPassage
from .asked import Asked


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage with its place in the index and the first stage's score."""

    passage: TrainingPassage
    point: PointId | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What was found for a query.

    Attributes:
        candidates: best first, positives among them.
        positives: the query's own, with the first stage's score where it has one.
        missing: documents that were asked for and are not in the index.
    """

    candidates: tuple[Candidate, ...]
    positives: tuple[Candidate, ...]
    missing: tuple[str, ...] = ()


class Finder(Protocol):
    """Where candidates come from."""

    def find(self, asked: Sequence[Asked]) -> list[Found | AuguryError]:
        """One answer a query: what was found, or why nothing could be."""
        ...
