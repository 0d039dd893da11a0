"""JSON Lines: one object a line, in a file or on standard input."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from ...errors import DocumentError
from .fields import Fields, document_from_record
from .source import Item
from .text_file import NAME_ENCODING, decoded, open_lines, printable, undecodable


def read_jsonl(path: Path, fields: Fields, encoding: str) -> Iterator[Item]:
    """Read a file, gzip-compressed if its name ends in ``.gz``."""
    with open_lines(path, encoding) as lines:
        yield from _items(lines, printable(str(path)), fields, encoding)


def read_jsonl_stream(stream: IO[bytes], fields: Fields, encoding: str) -> Iterator[Item]:
    """Read standard input."""
    with decoded(stream, "stdin", encoding) as lines:
        yield from _items(lines, "stdin", fields, encoding)


def _items(lines: Iterable[str], name: str, fields: Fields, encoding: str) -> Iterator[Item]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _item(line, f"{name}:{number}", fields, encoding)


def _item(line: str, source: str, fields: Fields, encoding: str) -> Item:
    if problem := undecodable(line, encoding):
        return DocumentError(f"{source} cannot be decoded: {problem}", NAME_ENCODING, source=source)
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        return DocumentError(
            f"{source} is not valid JSON: {error}", "Write one JSON object on each line", source=source
        )
    if not isinstance(record, dict):
        return DocumentError(
            f"{source} is no JSON object but {type(record).__name__}",
            "Write one JSON object on each line",
            source=source,
        )
    return document_from_record(record, fields, source)
