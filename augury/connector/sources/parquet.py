"""Parquet, read in batches of rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DocumentError, SourceError
from .fields import Fields, check_columns, document_from_record
from .source import Item
from .text_file import describe, printable

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_ROWS = 256


def read_parquet(path: Path, fields: Fields) -> Iterator[Item]:
    """Read a file row by row. Raises ``SourceError`` when it is no Parquet or damaged."""
    with _opened(path) as file:
        names = file.schema_arrow.names
        if len(set(names)) < len(names):
            raise SourceError(f"{path} has two columns of the same name", "Rename one of them")
        check_columns(names, fields, str(path))
        name, number = printable(str(path)), 0
        for batch in file.iter_batches(batch_size=_ROWS):
            for position in range(batch.num_rows):
                number += 1
                yield _item(batch, position, f"{name}:{number}", fields)


def count_rows(path: Path) -> int:
    """Rows by the file's own footer."""
    with _opened(path) as file:
        return int(file.metadata.num_rows)


def _item(batch: pa.RecordBatch, position: int, source: str, fields: Fields) -> Item:
    try:
        record = {
            name: column[position].as_py()
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        }
    except (ValueError, OverflowError) as error:  # text that is not UTF-8, a date out of Python's range
        return DocumentError(
            f"{source} has a value that cannot be read: {error}", "Mend or leave out this row", source=source
        )
    return document_from_record(record, fields, source)


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
