"""Any format into this project's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ...schemas.data_report import ConvertReport
from ...schemas.training import TrainingRecord
from .open import TrainingData
from .read_counts import read_counts
from .write import write_records


def convert(
    data: TrainingData, output: Path, *, progress: Callable[[int], None] | None = None
) -> ConvertReport:
    """``convert(open_training_data("dpr.json", on_error="continue"), Path("train.jsonl"))``."""
    write_records(output, told(data, progress))
    return ConvertReport(read=read_counts(data), output=str(output))


def told(data: TrainingData, progress: Callable[[int], None] | None) -> Iterator[TrainingRecord]:
    """The records, and ``progress`` hears of the rows."""
    for record in data:
        if progress:
            progress(data.rows)
        yield record
