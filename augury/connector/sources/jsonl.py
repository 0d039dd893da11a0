"""JSON Lines: one object a line, in a file or on standard input."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from ...errors import DocumentError
from .fields import Fields, document_from_record
from .source import Item, Row
from .text_file import NAME_ENCODING, decoded, open_lines, printable, undecodable


def read_jsonl(path: Path, fields: Fields, encoding: str) -> Iterator[Item]:
    """Read a file, gzip-compressed if its name ends in ``.gz``."""
    return (_item(row, fields) for row in jsonl_rows(path, encoding))


def read_jsonl_stream(stream: IO[bytes], fields: Fields, encoding: str) -> Iterator[Item]:
    """Read standard input."""
    with decoded(stream, "stdin", encoding) as lines:
        yield from (_item(row, fields) for row in _rows(lines, "stdin", encoding))


def jsonl_rows(path: Path, encoding: str) -> Iterator[Row]:
    """The objects of a file, of whatever shape."""
    with open_lines(path, encoding) as lines:
        yield from _rows(lines, printable(str(path)), encoding)


def _rows(lines: Iterable[str], name: str, encoding: str) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _row(line, f"{name}:{number}", encoding)


def _item(row: Row, fields: Fields) -> Item:
    return row if isinstance(row, DocumentError) else document_from_record(row[1], fields, row[0])


def _row(line: str, source: str, encoding: str) -> Row:
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
    return source, record
