"""CSV and TSV: a header is required, and a row of another length is an error with its line."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from augury.connector.sources import Fields, Item, open_source
from augury.errors import DocumentError, SourceError
from augury.schemas.document import Document


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, encoding: str = "utf-8") -> list[Item]:
    return list(open_source(str(path), encoding=encoding))


def ids(items: list[Item]) -> list[str]:
    return [item.id if isinstance(item, Document) else "error" for item in items]


def test_rows_become_documents(tmp_path: Path) -> None:
    path = write(
        tmp_path / "d.csv", '\ufeffid,title,text,year\r\n1,T,"two\nlines, ""quoted""",2020\r\n\r\n2,,b,\r\n'
    )
    assert read(path) == [
        Document(id="1", title="T", text='two\nlines, "quoted"', metadata={"year": 2020}, source=f"{path}:2"),
        Document(id="2", text="b", metadata={"year": ""}, source=f"{path}:5"),
    ]


def test_tabs_part_the_cells_of_a_tsv(tmp_path: Path) -> None:
    for path in (
        write(tmp_path / "d.tsv", "id\ttext\n1\ta, b\n"),
        write(tmp_path / "d.TSV.gz", gzip.compress(b"id\ttext\n1\ta, b\n")),
    ):
        (found,) = read(path)
        assert isinstance(found, Document) and found.text == "a, b"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2,b,c", "3 cells where the header has 2"),
        ("2", "1 cells where the header has 2"),
        ('2,"b"c', "not valid CSV"),
        (",b", "the id in field 'id' is empty"),
        (b"2,caf\xe9", "byte 0xe9 is not utf-8"),
    ],
)
def test_a_bad_row_is_told_with_its_line_and_the_others_go_on(
    tmp_path: Path, row: str | bytes, reason: str
) -> None:
    raw = row.encode() if isinstance(row, str) else row
    items = read(write(tmp_path / "d.csv", b'id,text\n1,"a\nb"\n' + raw + b"\n3,c\n"))
    assert ids(items) == ["1", "error", "3"]
    assert isinstance(items[1], DocumentError) and reason in str(items[1]) and "d.csv:4" in str(items[1])


def test_a_quote_that_is_never_closed_is_an_error(tmp_path: Path) -> None:
    assert ids(read(write(tmp_path / "d.csv", 'id,text\n1,a\n2,"b\n3,c\n'))) == ["1", "error"]


def test_a_cell_may_be_larger_than_the_module_s_default(tmp_path: Path) -> None:
    (found,) = read(write(tmp_path / "d.csv", "id,text\n1," + "x" * 300_000))
    assert isinstance(found, Document) and len(found.text) == 300_000


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("\n\n", "is empty"),
        ("id,text,text\n", "two columns called 'text'"),
        (",id,text\n", "Column 1"),
        ("number;text\n1;a\n", "no field _id or id or doc_id"),
        ("id,words\n1,a\n", "--text-field"),
        (b"id,text,caf\xe9\n", "--encoding"),
        ('id,"te"xt\n', "not valid CSV"),
    ],
)
def test_a_header_that_cannot_be_used_ends_the_source(
    tmp_path: Path, content: str | bytes, reason: str
) -> None:
    with pytest.raises(SourceError, match=reason):
        read(write(tmp_path / "d.csv", content))


def test_total_leaves_the_header_out(tmp_path: Path) -> None:
    source = open_source(str(write(tmp_path / "d.csv", "id,text\n1,a\n2,b")))
    assert (source.kind, source.total) == ("csv", 2)


def test_standard_input_can_be_csv() -> None:
    source = open_source("-", format="csv", fields=Fields(id="n"), stdin=io.BytesIO(b"n,text\n1,a\n"))
    assert [item.source for item in source] == ["stdin:2"]


@pytest.mark.parametrize(
    ("cell", "value"),
    [("2020", 2020), ("-3", -3), ("0.5", 0.5), ("007", "007"), ("1e3", "1e3"), ("+1", "+1"), ("-0", "-0"),
     ("nan", "nan"), ("inf", "inf"), ("1_000", "1_000"), ("9" * 20, "9" * 20), ("", ""), (" 7", " 7")],
)  # fmt: skip
def test_a_cell_is_a_number_only_where_nothing_is_lost(tmp_path: Path, cell: str, value: object) -> None:
    path = tmp_path / "d.csv"
    path.write_text(f"id,text,n\n1,2020,{cell}\n", encoding="utf-8")
    (document,) = open_source(str(path))
    assert isinstance(document, Document)
    assert document.metadata == {"n": value} and document.text == "2020"
