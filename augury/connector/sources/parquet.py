"""Parquet, read in batches of rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DocumentError, SourceError
from .csv_file import Check
from .fields import Fields, check_columns, document_from_record
from .source import Item, Row
from .text_file import describe, printable

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_ROWS = 256


def read_parquet(path: Path, fields: Fields) -> Iterator[Item]:
    """Read a file row by row. Raises ``SourceError`` when it is no Parquet or damaged."""
    for row in parquet_rows(path, lambda names, name: check_columns(names, fields, name)):
        yield row if isinstance(row, DocumentError) else document_from_record(row[1], fields, row[0])


def parquet_rows(path: Path, check: Check) -> Iterator[Row]:
    """The rows of a file by column, of whatever columns."""
    with _opened(path) as file:
        names = file.schema_arrow.names
        if len(set(names)) < len(names):
            raise SourceError(f"{path} has two columns of the same name", "Rename one of them")
        check(names, str(path))
        name, number = printable(str(path)), 0
        for batch in file.iter_batches(batch_size=_ROWS):
            for position in range(batch.num_rows):
                number += 1
                yield _row(batch, position, f"{name}:{number}")


def count_rows(path: Path) -> int:
    """Rows by the file's own footer."""
    with _opened(path) as file:
        return int(file.metadata.num_rows)


def _row(batch: pa.RecordBatch, position: int, source: str) -> Row:
    try:
        record = {
            name: column[position].as_py()
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        }
    except (ValueError, OverflowError) as error:  # text that is not UTF-8, a date out of Python's range
        return DocumentError(
            f"{source} has a value that cannot be read: {error}", "Mend or leave out this row", source=source
        )
    return source, record


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"{path} cannot be read as Parquet: {describe(error)}", "Check that the file is whole"
        ) from error
