"""What a re-index will do, and what it did."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .profile import Profile

VectorFate = Literal["copied", "refolded", "re-encoded", "new", "dropped"]
"""What becomes of a stored vector. ``refolded``: scenario rows, made of the stored ones for another alpha."""


class Building(BaseModel):
    """The note on the generation that a re-index reads from.

    Attributes:
        to: the generation that is made.
        alias: the alias that will lead to it; empty for a folder.
        index: what the command line calls the index.
        closing: what is written to the old generation from now on may miss the new one.
    """

    model_config = ConfigDict(frozen=True)

    to: str
    alias: str
    index: str
    closing: bool = False


class ReindexPlan(BaseModel):
    """What ``augury reindex`` will do; nothing of it has been done.

    Attributes:
        old, new: the generations; ``new`` is there already where ``resumes``.
        vectors: what becomes of each.
        steps: what will be done, a sentence each.
    """

    model_config = ConfigDict(frozen=True)

    index: str
    engine: str
    old: str
    new: str
    resumes: bool
    passages: int
    vectors: dict[str, VectorFate]
    profile: Profile
    steps: tuple[str, ...] = ()


class Sample(BaseModel):
    """Passages whose vectors were compared, old with new; ``wrong`` names some that are amiss."""

    checked: int = 0
    wrong: list[str] = Field(default_factory=list)


class Canary(BaseModel):
    """Queries asked of both generations.

    ``before`` and ``after`` are the share of them that have a document judged relevant among the first
    ``depth``; ``same`` is the share of the old first documents that the new ones have too. ``before`` is None
    where the old models are not there any more.
    """

    queries: int
    made_from: Literal["stored texts", "a file"]
    depth: int = 10
    before: float | None = None
    after: float = 0.0
    same: float | None = None
    tolerance: float = 0.0
    worse: bool = False
    lost: list[str] = Field(
        default_factory=list, description="some queries that found it before and do not now"
    )


class ReindexReport(BaseModel):
    """``print(report.model_dump_json())`` is what ``augury reindex --json`` prints.

    Attributes:
        written: passages written to the new generation in this run; ``caught_up`` of them after the first
            pass, and ``deleted`` those that vanished meanwhile.
        documents, passages: what the new generation holds.
        swapped: whether the index's name leads to it now.
    """

    index: str
    old: str
    new: str
    action: Literal["re-indexed", "rolled back"] = "re-indexed"
    vectors: dict[str, VectorFate] = Field(default_factory=dict)
    written: int = 0
    caught_up: int = 0
    deleted: int = 0
    passes: int = 0
    documents: int = 0
    passages: int = 0
    sample: Sample | None = None
    canary: Canary | None = None
    swapped: bool = False
    seconds: float = 0.0
    notes: list[str] = Field(default_factory=list)


class Generations(BaseModel):
    """What there is of an index; counts are of passages.

    Attributes:
        building: the generation that an unfinished re-index makes.
        previous: the one that the current one took the place of, until it is dropped.
        running: who works on it now, as ``re-index (process 12 on host)``.
    """

    index: str
    current: str
    passages: int
    building: str = ""
    built: int = 0
    closing: bool = False
    previous: str = ""
    previous_passages: int = 0
    running: str = ""
