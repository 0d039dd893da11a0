"""The file that grows while mining, and is gone on with after a kill."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from ....errors import UsageError
from ....schemas.training import TrainingRecord
from ..open import open_training_data
from ..write import appearing, record_line
from .asked import key_of

_BLOCK = 1 << 16


class MinedFile:
    """``with MinedFile(path, settings, by_id=False) as file: file.append(records)``.

    Beside it, ``FILE.mining.json`` says what it was made with, so that runs with other settings do not mix.

    Attributes:
        finished: the keys of the queries that are in the file.

    Args:
        by_id: whether queries are told apart without their positives, as those of judgements.

    Raises:
        UsageError: the file is there and was made with other settings, or by something else.
    """

    def __init__(self, path: Path, settings: dict[str, Any], *, by_id: bool) -> None:
        self._path = path
        self._check(settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._drop_torn_line()
        self.finished: set[str] = set()
        if path.is_file() and path.stat().st_size:
            self.finished = {
                key_of(record.query, record.query_id, () if by_id else record.positives)
                for record in open_training_data(path, "own")
            }
        self._file: IO[bytes] = path.open("ab")

    def append(self, records: Sequence[TrainingRecord]) -> None:
        """Write whole lines; they survive a kill once this returns."""
        if records:
            self._file.write("".join(map(record_line, records)).encode())
            self._file.flush()
            os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def _check(self, settings: dict[str, Any]) -> None:
        beside = self._path.with_name(f"{self._path.name}.mining.json")
        wanted = json.loads(json.dumps(settings))
        if not beside.is_file():
            if self._path.exists():
                raise UsageError(f"{self._path} is there and was not made by mining", "Name another file")
            with appearing(beside) as file:
                file.write(json.dumps(wanted, indent=1, ensure_ascii=False) + "\n")
            return
        try:
            made = json.loads(beside.read_text(encoding="utf-8"))
        except ValueError:
            raise UsageError(f"{beside} cannot be read", f"Name another file than {self._path}") from None
        other = [name for name in {**made, **wanted} if made.get(name) != wanted.get(name)]
        if other:
            raise UsageError(
                f"{self._path} was mined with another {other[0]}: {made.get(other[0])!r:.80}, "
                f"not {wanted.get(other[0])!r:.80}",
                "Name another file, or mine with the same settings to go on",
            )

    def _drop_torn_line(self) -> None:
        """Cut off what a kill left behind the last line end."""
        if not self._path.is_file():
            return
        with self._path.open("r+b") as file:
            end = file.seek(0, os.SEEK_END)
            while end > 0:
                start = max(0, end - _BLOCK)
                file.seek(start)
                at = file.read(end - start).rfind(b"\n")
                if at >= 0:
                    file.truncate(start + at + 1)
                    return
                end = start
            file.truncate(0)
