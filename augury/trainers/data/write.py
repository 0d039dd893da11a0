"""Records into a file that appears whole."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ...schemas.training import TrainingRecord


def record_line(record: TrainingRecord) -> str:
    """A record as a line of this project's own format."""
    return record.model_dump_json(exclude_defaults=True) + "\n"


def write_records(path: Path, records: Iterable[TrainingRecord]) -> None:
    """``write_records(Path("train.jsonl"), records)``: the file appears by a rename, or not at all."""
    with appearing(path) as lines:
        for record in records:
            lines.write(record_line(record))


@contextmanager
def appearing(path: Path) -> Iterator[IO[str]]:
    """``with appearing(path) as file: file.write(...)``: the file is there once all of it is on the disk."""
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)  # where it has not become the file
