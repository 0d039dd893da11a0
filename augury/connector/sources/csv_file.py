"""CSV and TSV with a header."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from ...errors import DocumentError, SourceError
from .fields import Fields, check_columns, document_from_record
from .source import Item, Row
from .text_file import NAME_ENCODING, decoded, open_lines, printable, undecodable

_LARGEST = 2**63
_MAX_CELL = 64 * 2**20  # a quote that is never closed must not swallow a whole collection


Check = Callable[[list[str], str], None]
"""Raises ``SourceError`` for a header (and the name of its file) that can give nothing."""


def read_csv(path: Path, fields: Fields, encoding: str) -> Iterator[Item]:
    """Read a file, gzip-compressed if its name ends in ``.gz``; tabs part the cells of a ``.tsv``."""
    rows = csv_rows(path, encoding, lambda header, name: check_columns(header, fields, name))
    return (_item(row, fields) for row in rows)


def read_csv_stream(stream: IO[bytes], fields: Fields, encoding: str) -> Iterator[Item]:
    """Read comma-separated standard input."""
    with decoded(stream, "stdin", encoding) as lines:
        rows = _rows(lines, "stdin", ",", encoding, lambda header, name: check_columns(header, fields, name))
        yield from (_item(row, fields) for row in rows)


def csv_rows(path: Path, encoding: str, check: Check) -> Iterator[Row]:
    """The rows of a file as text by column, of whatever columns."""
    delimiter = "\t" if ".tsv" in [suffix.lower() for suffix in path.suffixes[-2:]] else ","
    with open_lines(path, encoding) as lines:
        yield from _rows(lines, printable(str(path)), delimiter, encoding, check)


def _rows(lines: Iterable[str], name: str, delimiter: str, encoding: str, check: Check) -> Iterator[Row]:
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_CELL))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header = _header(reader, name, encoding)
    check(header, name)
    while True:
        number = reader.line_num + 1
        source = f"{name}:{number}"
        try:
            cells = next(reader, None)
        except csv.Error as error:
            swallowed = reader.line_num - number
            more = f"; the {swallowed} lines after it went with it" if swallowed > 0 else ""
            yield DocumentError(
                f"{source} is not valid CSV: {error}{more}", "Check the quotes of this row", source=source
            )
            continue
        if cells is None:
            return
        if cells:
            yield _row(cells, header, source, encoding)


def _header(reader: Iterator[list[str]], name: str, encoding: str) -> list[str]:
    try:
        header = next((cells for cells in reader if cells), [])
    except csv.Error as error:
        raise SourceError(f"The header of {name} is not valid CSV: {error}", "Mend its first line") from error
    if not header:
        raise SourceError(
            f"{name} is empty", "Write a header with the names of the columns on its first line"
        )
    if problem := undecodable("".join(header), encoding):
        raise SourceError(f"The header of {name} cannot be decoded: {problem}", NAME_ENCODING)
    if "" in header:
        raise SourceError(
            f"Column {header.index('') + 1} of {name} has no name",
            "Name it in the header (pandas: write with to_csv(index=False))",
        )
    if twice := sorted({column for column in header if header.count(column) > 1}):
        raise SourceError(f"{name} has two columns called {twice[0]!r}", "Rename one of them")
    return header


def _row(cells: list[str], header: list[str], source: str, encoding: str) -> Row:
    if problem := undecodable("".join(cells), encoding):
        return DocumentError(f"{source} cannot be decoded: {problem}", NAME_ENCODING, source=source)
    if len(cells) != len(header):
        return DocumentError(
            f"{source} has {len(cells)} cells where the header has {len(header)}",
            "Put cells that contain separators, quotes or line breaks in double quotes",
            source=source,
        )
    return source, dict(zip(header, cells, strict=True))


def _item(row: Row, fields: Fields) -> Item:
    if isinstance(row, DocumentError):
        return row
    source, record = row
    document = document_from_record(record, fields, source)
    if isinstance(document, DocumentError):
        return document
    return document.model_copy(
        update={"metadata": {name: _number_or_text(cell) for name, cell in document.metadata.items()}}
    )


def _number_or_text(cell: str) -> int | float | str:
    """A number where the cell is written just as Python writes that number, so that nothing is lost.

    ``2020`` and ``0.5`` can then be compared in filters; ``007``, ``1e3`` and ``+1`` stay text.
    """
    for number in (int, float):
        try:
            value = number(cell)
        except ValueError:
            continue
        if str(value) == cell and math.isfinite(value) and abs(value) < _LARGEST:
            return value
    return cell
