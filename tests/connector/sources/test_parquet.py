"""Parquet: typed values become JSON values, and a row that cannot be read is an error."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augury.connector.sources import open_source
from augury.errors import DocumentError, SourceError
from augury.schemas.document import Document


def write(path: Path, table: dict[str, Any]) -> Path:
    pq.write_table(pa.table(table), path, row_group_size=100)
    return path


def test_rows_become_documents_in_order(tmp_path: Path) -> None:
    path = write(
        tmp_path / "d.parquet",
        {
            "id": list(range(1000)),
            "text": [f"text {i}" for i in range(1000)],
            "when": [date(2020, 1, 2)] * 1000,
            "seen": pa.array([datetime(2020, 1, 2)] * 1000, pa.timestamp("ms")),
            "tags": [["a", "b"]] * 1000,
        },
    )
    source = open_source(str(path))
    assert (source.kind, source.total) == ("parquet", 1000)
    found = list(source)
    assert [item.id for item in found if isinstance(item, Document)] == [str(i) for i in range(1000)]
    assert isinstance(found[0], Document) and found[0].source == f"{path}:1"
    assert found[0].metadata == {"when": "2020-01-02", "seen": "2020-01-02T00:00:00", "tags": ["a", "b"]}


def test_bad_rows_are_told_and_the_others_go_on(tmp_path: Path) -> None:
    path = write(
        tmp_path / "d.parquet",
        {
            "id": ["a", "b", None, "d"],
            "text": pa.array([b"one", b"caf\xe9", b"three", b"four"]).view(pa.string()),
            "score": [1.0, 2.0, 3.0, float("nan")],
        },
    )
    good, undecodable, nameless, infinite = open_source(str(path))
    assert isinstance(good, Document)
    assert isinstance(undecodable, DocumentError) and "d.parquet:2" in str(undecodable)
    assert isinstance(nameless, DocumentError) and "'id' is empty" in str(nameless)
    assert isinstance(infinite, DocumentError) and "'score'" in str(infinite)


def test_what_is_no_parquet_or_lacks_columns_ends_the_source(tmp_path: Path) -> None:
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 nothing")
    with pytest.raises(SourceError, match="cannot be read as Parquet"):
        list(open_source(str(broken)))
    with pytest.raises(SourceError, match="--id-field"):
        list(open_source(str(write(tmp_path / "d.parquet", {"text": ["a"]}))))


def test_damage_in_the_middle_ends_the_source(tmp_path: Path) -> None:
    path = write(tmp_path / "d.parquet", {"id": list(range(1000)), "text": ["some words"] * 1000})
    raw = bytearray(path.read_bytes())
    raw[4:400] = b"\xff" * 396
    path.write_bytes(raw)
    with pytest.raises(SourceError, match="whole"):
        list(open_source(str(path)))


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array(["a"])] * 3, names=["id", "text", "text"]), path)
    with pytest.raises(SourceError, match="same name"):
        list(open_source(str(path)))
