"""What every source looks like from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ...errors import DocumentError, SourceError
from ...schemas.document import Document

Item = Document | DocumentError
"""A document, or why one cannot be used. The error is yielded, so that the others go on."""
Row = tuple[str, dict[str, Any]] | DocumentError
"""A record of any shape with its place (``file:line``), or why it cannot be read."""


class Source:
    """``for item in source: ...`` reads it from its beginning, each time anew, and holds none of it.

    Iterating raises ``SourceError`` when the source as a whole cannot be read any further.

    Attributes:
        kind: ``jsonl``, ``csv``, ``parquet``, ``beir``, ``folder`` or ``file``.
        notes: what the last iteration left out, a sentence each. Complete when it ends.
    """

    def __init__(
        self,
        kind: str,
        read: Callable[[list[str]], Iterator[Item]],
        *,
        total: Callable[[], int | None] = lambda: None,
        once: bool = False,
    ) -> None:
        self.kind = kind
        self.notes: list[str] = []
        self._read = read
        self._total = total
        self._once = once
        self._started = False

    def __iter__(self) -> Iterator[Item]:
        if self._once and self._started:
            raise SourceError(
                "Standard input was read before, and it can be read only once",
                "Write it to a file and name the file as the source",
            )
        self._started = True
        self.notes = []
        return self._read(self.notes)

    @property
    def once(self) -> bool:
        """Whether it can be read only once."""
        return self._once

    @property
    def total(self) -> int | None:
        """How many documents there are, counted without parsing them; None where that is not cheap.

        For CSV and JSON Lines it is the number of lines, so blank lines and cells of several lines make it
        too high.
        """
        try:
            return self._total()
        except OSError:  # reading it will say why
            return None
