"""Lines of a text file with their place, for readers whose errors name it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..connector.sources.text_file import open_lines, undecodable
from ..errors import SourceError

ENCODING = "utf-8"


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """``for place, line in read_lines(path)``: every line that is not blank, with its ``file:line``.

    Files whose name ends in ``.gz`` are unpacked. Raises ``SourceError`` for a file that is not there and for
    a line that is not UTF-8.
    """
    if not path.is_file():
        raise SourceError(f"{path} is not there", "Check the name of the file")
    with open_lines(path, ENCODING) as lines:
        for number, line in enumerate(lines, start=1):
            if problem := undecodable(line, ENCODING):
                raise SourceError(f"{path}:{number} cannot be read: {problem}", "Save the file as UTF-8")
            if line.strip():
                yield f"{path}:{number}", line.rstrip("\r\n")


def is_jsonl(path: Path) -> bool:
    """Whether the name says that each line is a JSON object."""
    return path.name.lower().removesuffix(".gz").endswith((".jsonl", ".json", ".ndjson"))


def record(line: str, place: str, what: str, fix: str) -> Mapping[str, Any]:
    """The JSON object of a line. Raises ``SourceError``: the place is no ``what``."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{place} is no {what} ({error})", fix) from None
    if not isinstance(found, dict):
        raise SourceError(f"{place} is no {what} (no JSON object)", fix)
    return found


def first_of(found: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """The value of the first of these fields that is there, or None."""
    return next((found[name] for name in names if found.get(name) is not None), None)
