"""What travels through the pipeline: one piece of work per passage that must be written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...schemas.document import Document, Passage
from ...schemas.points import FloatArray, PointId, Vector
from ...schemas.scenario import Scenario, ScenarioState


@dataclass(slots=True, eq=False)
class Job:
    """One document on its way into the index.

    ``stale`` are its points in the index that the new ones replace; they go once all ``remaining``
    passages are acknowledged. A ``failed`` job keeps those that were not replaced before it failed.
    """

    document: Document
    fingerprint: str
    stale: tuple[PointId, ...] = ()
    remaining: int = 0
    failed: bool = False


@dataclass(slots=True, eq=False)
class Work:
    """One passage to write, and what the stages have found for it so far.

    ``known`` are vectors that it has already, so that no encoder has to make them, and ``rows`` its folded
    rows where they stay as they are.
    """

    job: Job
    passage: Passage
    point_id: PointId
    state: ScenarioState = "off"
    scenarios: tuple[Scenario, ...] = field(default_factory=tuple)
    known: Mapping[str, Vector] = field(default_factory=dict)
    rows: FloatArray | None = None  # (scenarios, dim)


Window = list[Work]
"""The pipeline's unit: passages that are encoded together."""
