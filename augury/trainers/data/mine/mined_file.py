"""The file that grows while mining, and is gone on with after a kill."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ....schemas.training import TrainingRecord
from ..growing_file import GrowingFile
from ..open import open_training_data
from ..write import record_line
from .asked import key_of


class MinedFile(GrowingFile):
    """``with MinedFile(path, settings, by_id=False) as file: file.append(records)``.

    ``FILE.mining.json`` says what it was made with.

    Attributes:
        finished: the keys of the queries that are in the file.

    Args:
        by_id: whether queries are told apart without their positives, as those of judgements.
    """

    def __init__(self, path: Path, settings: dict[str, Any], *, by_id: bool) -> None:
        super().__init__(path, path.with_name(f"{path.name}.mining.json"), settings, made="mined")
        self.finished: set[str] = set()
        if path.stat().st_size:
            self.finished = {
                key_of(record.query, record.query_id, () if by_id else record.positives)
                for record in open_training_data(path, "own")
            }

    def append(self, records: Sequence[TrainingRecord]) -> None:
        """Write whole lines; they survive a kill once this returns."""
        self.append_lines(map(record_line, records))
