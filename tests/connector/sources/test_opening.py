"""What a name on the command line is taken for."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from augury.connector.sources import Format, open_source
from augury.errors import SourceError, UsageError
from augury.schemas.document import Document

LINE = '{"_id": "a", "title": "T", "text": "words", "metadata": {"year": 2020}}\n'


@pytest.mark.parametrize("name", ["d.jsonl", "d.ndjson", "d.JSONL", "d.json", "d.backup.jsonl"])
def test_extensions(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(LINE)
    assert open_source(str(tmp_path / name)).kind == "jsonl"


@pytest.mark.parametrize("name", ["corpus.jsonl", "corpus.jsonl.gz"])
def test_a_folder_with_a_corpus_is_beir(tmp_path: Path, name: str) -> None:
    import gzip

    raw = LINE.encode()
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "query"}')
    (tmp_path / "README.md").write_text("words")
    source = open_source(str(tmp_path))
    assert source.kind == "beir"
    (found,) = source
    assert isinstance(found, Document) and (found.id, found.metadata) == ("a", {"year": 2020})
    assert open_source(str(tmp_path), format="folder").kind == "folder"


@pytest.mark.parametrize("content", ['[{"id": 1}]', '{\n "id": 1\n}', "words", '{"id"'])
def test_json_that_is_not_lines_says_how_to_turn_it(tmp_path: Path, content: str) -> None:
    (tmp_path / "d.json").write_text(content)
    with pytest.raises(SourceError, match="jq -c"):
        open_source(str(tmp_path / "d.json"))


@pytest.mark.parametrize("name", ["d.docx", "d", "d.parquet.gz", "d.txt.gz", "d.gz"])
def test_an_unknown_kind_is_refused_unless_it_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(LINE)
    with pytest.raises(SourceError, match="--format"):
        open_source(str(tmp_path / name))


def test_a_named_format_goes_before_the_extension(tmp_path: Path) -> None:
    (tmp_path / "d.dump").write_text(LINE)
    assert len(list(open_source(str(tmp_path / "d.dump"), format="jsonl"))) == 1


@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet", "beir"])
def test_a_folder_is_no_file(tmp_path: Path, format: Format) -> None:
    (tmp_path / "a.txt").write_text("words")
    with pytest.raises(SourceError):
        open_source(str(tmp_path), format=format)


@pytest.mark.parametrize("format", ["beir", "folder"])
def test_a_file_is_no_folder(tmp_path: Path, format: Format) -> None:
    (tmp_path / "a.txt").write_text("words")
    with pytest.raises(SourceError, match="is no folder"):
        open_source(str(tmp_path / "a.txt"), format=format)


def test_nothing_there_an_empty_file_and_nonsense_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nothing at"):
        open_source(str(tmp_path / "nowhere.jsonl"))
    with pytest.raises(SourceError, match="cannot be read: File name too long"):
        open_source("x" * 5000)
    (tmp_path / "d.jsonl").touch()
    with pytest.raises(SourceError, match="is empty"):
        open_source(str(tmp_path / "d.jsonl"))
    with pytest.raises(SourceError, match="text encoding 'klingon'"):
        open_source("-", encoding="klingon")
    with pytest.raises(SourceError, match="text encoding 'hex'"):
        open_source("-", encoding="hex")
    with pytest.raises(SourceError, match="Standard input cannot be read as parquet"):
        open_source("-", format="parquet", stdin=io.BytesIO())
    with pytest.raises(UsageError, match="Use one of: auto"):
        open_source("-", format="xml")  # type: ignore[arg-type]


def test_a_file_that_vanishes_before_it_is_read_is_an_error(tmp_path: Path) -> None:
    for name in ("d.jsonl", "d.csv", "d.parquet"):
        (tmp_path / name).write_text(LINE)
        source = open_source(str(tmp_path / name))
        (tmp_path / name).unlink()
        assert name == "d.parquet" or source.total is None
        with pytest.raises(SourceError, match="cannot be read"):
            list(source)


def test_opening_a_source_imports_no_parser() -> None:
    code = (
        "import sys, augury.connector.sources; print([m for m in ('pyarrow', 'pypdf') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "d.jsonl"
    os.mkfifo(pipe)
    writer = subprocess.Popen([sys.executable, "-c", f"open({str(pipe)!r}, 'w').write({LINE!r})"])
    source = open_source(str(pipe))
    assert source.total is None
    assert len(list(source)) == 1
    assert writer.wait() == 0


@pytest.mark.real
@pytest.mark.parametrize("name", ["scifact", "cisi", "cranfield"])
def test_real_collections_are_read_whole(data_dir: Path, name: str) -> None:
    source = open_source(str(data_dir / name))
    items = list(source)
    with (data_dir / name / "corpus.jsonl").open(encoding="utf-8") as lines:
        expected = [json.loads(line) for line in lines]
    assert (source.kind, source.total) == ("beir", len(expected))
    for item, record in zip(items, expected, strict=True):
        if isinstance(item, Document):
            assert (item.id, item.text) == (record["_id"], record["text"])
        else:
            assert not record["text"].strip() and not record["title"].strip()
