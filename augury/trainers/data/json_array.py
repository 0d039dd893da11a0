"""A JSON array of objects, read one object at a time: training sets of this form have gigabytes.

The standard library's decoder reads each object where it begins, so that an error can name its line, which
incremental parsers do not tell. After an object that is broken, reading goes on at the next line that begins
an object in the column where the first one did.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ...connector.sources.source import Row
from ...connector.sources.text_file import NAME_ENCODING, open_lines, printable, undecodable
from ...errors import DocumentError, SourceError

_BLOCK = 1 << 16
_LARGEST = 64 * 2**20  # characters: a brace that is never closed must not take the memory
_TAIL = 12  # characters: the longest that is cut inside a literal or an escape
_BLANK = " \t\r\n\ufeff"


def read_array(path: Path, encoding: str) -> Iterator[Row]:
    """Each object with the place where it begins. Raises ``SourceError`` for a file that is no array."""
    with open_lines(path, encoding) as file:
        yield from _Array(file, printable(str(path)), encoding).rows()


class _Array:
    def __init__(self, file: IO[str], name: str, encoding: str) -> None:
        self._file, self._name, self._encoding = file, name, encoding
        self._text = ""
        self._line = 1
        self._column = 0
        self._ended = False
        self._decoder = json.JSONDecoder()

    def rows(self) -> Iterator[Row]:
        if self._next_char() != "[":
            raise SourceError(f"{self._name} is no JSON array", "Write it as [{...}, {...}]")
        self._take(1)
        indent: int | None = None
        while (char := self._next_char()) not in ("]", ""):
            if char == ",":
                self._take(1)
                continue
            indent = self._column if indent is None else indent
            place = f"{self._name}:{self._line}"
            try:
                value = self._value()
            except ValueError as error:
                found = self._skip_to_object(indent)
                lost = "" if found else "; what follows it cannot be read either"
                yield DocumentError(f"{place} is not valid JSON: {error}{lost}", _FIX, source=place)
                if not found:
                    return
                continue
            yield self._row(value, place)
        if char == "":
            yield DocumentError(
                f"{self._name}:{self._line} is where the file ends, and its array is not closed",
                "Check that it was written to the end",
                source=f"{self._name}:{self._line}",
            )

    def _row(self, value: Any, place: str) -> Row:
        if not isinstance(value, dict):
            return DocumentError(f"{place} is no JSON object but {type(value).__name__}", _FIX, source=place)
        return place, value

    def _value(self) -> Any:
        """The value that begins here. Raises ``ValueError``."""
        size = _BLOCK
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text)
            except json.JSONDecodeError as error:
                cut = error.pos >= len(self._text) - _TAIL or error.msg.startswith("Unterminated string")
                if self._ended or not cut or len(self._text) > _LARGEST:
                    raise ValueError(f"{error.msg}, line {self._line + error.lineno - 1}") from None
                self._read(size)
                size *= 2
            except RecursionError:
                raise ValueError("it is nested too deeply") from None
            else:
                if problem := undecodable(self._text[:end], self._encoding):
                    self._take(end)
                    raise ValueError(f"{problem}. {NAME_ENCODING}")
                self._take(end)
                return value

    def _next_char(self) -> str:
        """The next character that is no blank, which is then at the beginning; empty at the end."""
        while True:
            rest = self._text.lstrip(_BLANK)
            self._take(len(self._text) - len(rest))
            if rest or self._ended:
                return rest[:1]
            self._read(_BLOCK)

    def _skip_to_object(self, indent: int) -> bool:
        """Past what is broken, to the next line that has a brace in this column, if there is one."""
        while True:
            end = self._text.find("\n")
            if end >= 0:
                self._take(end + 1)
                line = self._text if "\n" in self._text or self._ended else self._more()
                if line[:indent].strip(_BLANK) == "" and line[indent : indent + 1] == "{":
                    return True
            elif self._ended:
                return False
            else:
                self._read(_BLOCK)

    def _more(self) -> str:
        self._read(_BLOCK)
        return self._text

    def _take(self, count: int) -> None:
        taken = self._text[:count]
        lines = taken.count("\n")
        self._line += lines
        self._column = len(taken) - taken.rfind("\n") - 1 if lines else self._column + len(taken)
        self._text = self._text[count:]

    def _read(self, size: int) -> None:
        found = self._file.read(size)
        self._ended = not found
        self._text += found


_FIX = "Write one JSON object after the other, with commas between"
