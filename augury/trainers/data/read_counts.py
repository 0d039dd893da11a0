"""What was read of a training file, for a report."""

from __future__ import annotations

from ...schemas.data_report import ReadCounts
from .open import TrainingData


def read_counts(data: TrainingData) -> ReadCounts:
    """The counts so far."""
    return ReadCounts(
        format=data.format,
        rows=data.rows,
        used=data.used,
        failed=data.failed,
        records=data.records,
        failures=data.failures,
        notes=data.notes,
    )
