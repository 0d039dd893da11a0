"""A JSON Lines file that grows while a run goes on, and is gone on with after a kill."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from ...errors import UsageError
from .write import appearing

_BLOCK = 1 << 16


class GrowingFile:
    """``with GrowingFile(path, beside, settings, made="mined") as file: file.append_lines(['{}\\n'])``.

    The file ``beside`` says what it was made with, so that runs with other settings do not mix. What a kill
    left of a line is cut off.

    Args:
        made: the participle that says how it was made, for errors.

    Raises:
        UsageError: the file is there and was made with other settings, or by something else.
    """

    def __init__(self, path: Path, beside: Path, settings: dict[str, Any], *, made: str) -> None:
        self.path = path
        self._check(beside, settings, made)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._drop_torn_line()
        self._file: IO[bytes] = path.open("ab")

    def append_lines(self, lines: Iterable[str]) -> None:
        """Write whole lines; they survive a kill once this returns."""
        if text := "".join(lines):
            self._file.write(text.encode())
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

    def _check(self, beside: Path, settings: dict[str, Any], made: str) -> None:
        wanted = json.loads(json.dumps(settings))
        if not beside.is_file():
            if self.path.exists():
                raise UsageError(f"{self.path} is there and was not {made} here", "Name another file")
            with appearing(beside) as file:
                file.write(json.dumps(wanted, indent=1, ensure_ascii=False) + "\n")
            return
        try:
            before = json.loads(beside.read_text(encoding="utf-8"))
        except ValueError:
            raise UsageError(f"{beside} cannot be read", f"Name another file than {self.path}") from None
        other = [name for name in {**before, **wanted} if before.get(name) != wanted.get(name)]
        if other:
            raise UsageError(
                f"{self.path} was {made} with another {other[0]}: {before.get(other[0])!r:.80}, "
                f"not {wanted.get(other[0])!r:.80}",
                "Name another file, or give the same settings to go on",
            )

    def _drop_torn_line(self) -> None:
        """Cut off what a kill left behind the last line end."""
        if not self.path.is_file():
            return
        with self.path.open("r+b") as file:
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
