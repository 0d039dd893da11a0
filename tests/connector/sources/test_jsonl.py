"""JSON Lines: good lines are documents, bad lines are errors with their number."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from pathlib import Path

import pytest

from augury.connector.sources import Fields, Item, open_source
from augury.errors import DocumentError, SourceError
from augury.schemas.document import Document

GOOD = '{"id": "a", "text": "words"}'


def read(path: Path, encoding: str = "utf-8") -> list[Item]:
    return list(open_source(str(path), encoding=encoding))


def write(path: Path, *lines: str | bytes) -> Path:
    path.write_bytes(b"\n".join(line.encode() if isinstance(line, str) else line for line in lines))
    return path


def test_objects_become_documents_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    path = write(tmp_path / "d.jsonl", GOOD, "", "  ", '{"id": 2, "text": "more", "n": 1}', "")
    assert read(path) == [
        Document(id="a", text="words", source=f"{path}:1"),
        Document(id="2", text="more", metadata={"n": 1}, source=f"{path}:4"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{broken", "not valid JSON"),
        ('["a"]', "no JSON object but list"),
        ("5", "no JSON object"),
        ('{"id": "b", "text": 5}', "no text"),
        ('{"id": "b", "text": "\\ud800"}', "half a character"),
        ('{"id": "b", "text": "t", "n": NaN}', "nan"),
        ('{"id": "b", "text": "t", "n": ' + "9" * 5000 + "}", "not valid JSON"),
        ('{"id": "b", "text": "t", "n": ' + "[" * 100_000, "not valid JSON"),
        (b'{"id": "b", "text": "caf\xe9"}', "byte 0xe9 is not utf-8"),
    ],
)
def test_a_bad_line_is_told_and_the_others_go_on(tmp_path: Path, line: str | bytes, reason: str) -> None:
    first, bad, last = read(write(tmp_path / "d.jsonl", GOOD, line, GOOD))
    assert isinstance(first, Document) and isinstance(last, Document)
    assert isinstance(bad, DocumentError) and bad.source.endswith("d.jsonl:2")
    assert reason in str(bad) and "d.jsonl:2" in str(bad)


def test_wrong_encoding_names_the_option_and_the_right_one_works(tmp_path: Path) -> None:
    path = write(tmp_path / "d.jsonl", '{"id": "a", "text": "café"}'.encode("cp1252"))
    (bad,) = read(path)
    assert isinstance(bad, DocumentError) and "--encoding" in bad.fix
    (good,) = read(path, "cp1252")
    assert isinstance(good, Document) and good.text == "café"


def test_utf16_is_read_and_its_absence_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "d.jsonl", f"{GOOD}\n{GOOD}".encode("utf-16"))
    assert len([item for item in read(path, "utf-16") if isinstance(item, Document)]) == 2
    with pytest.raises(SourceError, match="--encoding"):
        read(write(tmp_path / "odd.jsonl", GOOD.encode("utf-16")[:-1]), "utf-16")


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    assert isinstance(read(write(tmp_path / "d.jsonl", b"\xef\xbb\xbf" + GOOD.encode()))[0], Document)


def test_gzip_is_unpacked_and_a_torn_archive_ends_the_source(tmp_path: Path) -> None:
    packed = gzip.compress("\n".join([GOOD] * 1000).encode())
    whole = write(tmp_path / "d.jsonl.gz", packed)
    assert len(read(whole)) == 1000
    assert open_source(str(whole)).total is None
    with pytest.raises(SourceError, match="cannot be read"):
        read(write(tmp_path / "torn.jsonl.gz", packed[:-20]))
    with pytest.raises(SourceError, match="cannot be read"):
        read(write(tmp_path / "fake.jsonl.gz", GOOD))


def test_total_counts_lines_and_the_source_can_be_read_again(tmp_path: Path) -> None:
    source = open_source(str(write(tmp_path / "d.jsonl", GOOD, GOOD, GOOD)))
    assert (source.kind, source.total) == ("jsonl", 3)
    assert list(source) == list(source)


def test_standard_input_is_read_once() -> None:
    stdin = io.BytesIO(f"{GOOD}\n{GOOD}".encode())
    source = open_source("-", stdin=stdin)
    assert source.total is None
    assert [item.source for item in source] == ["stdin:1", "stdin:2"]
    assert not stdin.closed
    with pytest.raises(SourceError, match="only once"):
        list(source)


def test_named_fields_reach_the_records(tmp_path: Path) -> None:
    path = write(tmp_path / "d.jsonl", '{"key": 1, "abstract": "words"}')
    (found,) = open_source(str(path), fields=Fields(id="key", text="abstract"))
    assert isinstance(found, Document) and (found.id, found.text) == ("1", "words")


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(lines: int) -> int:
        path = tmp_path / f"{lines}.jsonl"
        path.write_text("\n".join(json.dumps({"id": i, "text": "word " * 100}) for i in range(lines)))
        tracemalloc.start()
        assert sum(1 for _ in open_source(str(path))) == lines
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(10)
    assert peak(2000) < 2 * peak(200)
