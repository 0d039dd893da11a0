"""What a training run came to: the model before and after, and whether the gate let it pass."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .evaluation import Difference, Mean

REPORT_FILE = "augury_training.json"
"""Lies in the model's folder. It is no part of the model, and its revision does not cover it."""
TrainedKind = Literal["dense", "sparse", "sparse-int8", "hypencoder", "scenarios", "expander"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Gain(_Part):
    """One measure of the base and of the trained model on the same queries."""

    before: Mean
    after: Mean
    difference: Difference


class ActiveTerms(_Part):
    """Mean number of terms above 0 in a sparse vector."""

    queries: float
    documents: float


class TrainingCounts(_Part):
    """``rows`` is what an epoch goes through: a query with one positive and its negatives, a document with
    the teacher's answer, or a preference pair. Those of ``dev`` were held out."""

    records: int
    rows: int
    dev_queries: int
    dev_documents: int


class TrainingReport(_Part):
    """``augury_training.json`` in the folder of a trained model.

    Attributes:
        accepted: whether the gate let it pass, or was overruled.
        verdict: why, in a sentence.
        data_sha256: over every record that was read.
        checks: what was seen to hold of an LLM: padding and end of text, step 0, the merge, what it writes.
        active_terms: of a sparse model, before and after.
        curve: each evaluated step with its score.
        config: every choice, as ``--config`` reads it.
        notes: what may not be as it was meant.
    """

    model: str
    kind: TrainedKind
    base: str
    base_revision: str
    accepted: bool
    verdict: str
    dev: str
    measures: dict[str, Gain]
    active_terms: dict[Literal["before", "after"], ActiveTerms] = Field(default_factory=dict)
    data: str
    data_sha256: str
    counts: TrainingCounts
    steps: int
    best_step: int
    curve: tuple[tuple[int, float], ...] = ()
    seconds: float
    licence: str
    config: dict[str, Any]
    notes: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    augury_version: str
    date: datetime
