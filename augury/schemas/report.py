"""What an ingest says when it is done. Everything read ends in exactly one place."""

from __future__ import annotations

from pydantic import BaseModel, Field

from .llm import LlmUsage


class Failure(BaseModel):
    """One document that was not ingested, and why."""

    doc_id: str | None = None
    source: str = ""
    reason: str


class DocumentCounts(BaseModel):
    """``read`` is always ``written + unchanged + failed``."""

    read: int = 0
    written: int = 0
    unchanged: int = 0
    failed: int = 0
    deleted: int = 0


class PassageCounts(BaseModel):
    written: int = 0
    deleted: int = 0


class ScenarioCounts(BaseModel):
    """``missing`` counts passages that should have scenarios and have none, ``none`` those for which there
    are none, as for noise."""

    written: int = 0
    dropped: int = 0
    missing: int = 0
    none: int = 0


class IngestReport(BaseModel):
    """``print(report.model_dump_json())`` is what ``augury ingest --json`` prints, and ``generate`` too.

    ``failures`` holds the first 100; all of them are in the ``dead_letters`` file.
    """

    documents: DocumentCounts = Field(default_factory=DocumentCounts)
    passages: PassageCounts = Field(default_factory=PassageCounts)
    scenarios: ScenarioCounts = Field(default_factory=ScenarioCounts)
    llm: LlmUsage | None = None
    seconds: float = 0.0
    documents_per_second: float = 0.0
    stage_seconds: dict[str, float] = Field(default_factory=dict)
    failures: list[Failure] = Field(default_factory=list)
    dead_letters: str | None = None
    notes: list[str] = Field(default_factory=list)
    stopped: bool = False
