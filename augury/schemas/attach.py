"""What Augury finds in a collection that belongs to an app, and what it proposes to do with it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .profile import Profile

IdKind = Literal["uuid", "integer", "mixed", "none"]
AttachWay = Literal["live", "copy"]
"""``live``: vectors are added to the collection itself; ``copy``: to a copy of it, beside it."""
COPY_SUFFIX = "-augury"
"""What the name of a copy ends with."""


class VectorFacts(BaseModel):
    """A named vector of a collection; the name is empty for the one that has none."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: Literal["dense", "multi", "sparse"]
    size: int = 0
    distance: str = ""

    def __str__(self) -> str:
        called = repr(self.name) if self.name else "the unnamed vector"
        if self.kind == "sparse":
            return f"{called} (sparse)"
        return f"{called} ({self.size}, {self.distance}{', multivector' if self.kind == 'multi' else ''})"


class CollectionFacts(BaseModel):
    """What a collection holds, from its description and its first points.

    Attributes:
        sampled: how many points were looked at.
        fields: of each payload field, the share of those points that have it; paths lead inward by dots.
        indexes: its payload indexes, by kind.
    """

    model_config = ConfigDict(frozen=True)

    collection: str
    engine_version: str
    points: int
    sampled: int
    ids: IdKind
    vectors: tuple[VectorFacts, ...]
    fields: dict[str, float] = Field(default_factory=dict)
    indexes: dict[str, str] = Field(default_factory=dict)


class AttachPlan(BaseModel):
    """What ``augury attach`` will do; nothing of it has been done.

    Attributes:
        index: where the index will be found: another name than the collection's where it is a copy.
        again: whether the collection is attached already, so that only what is new or changed is done.
        text_share: the share of the points looked at that have text.
        steps: what will be done, a sentence each.
    """

    model_config = ConfigDict(frozen=True)

    facts: CollectionFacts
    way: AttachWay
    index: str
    again: bool
    layout: str
    text_share: float
    profile: Profile
    steps: tuple[str, ...] = ()


class DetachReport(BaseModel):
    """What ``augury detach`` took away. ``points`` is of how many points its payload was removed."""

    model_config = ConfigDict(frozen=True)

    collection: str
    points: int = 0
    vectors: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    dropped_copy: str = ""
