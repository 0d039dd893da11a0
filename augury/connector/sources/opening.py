"""From what the user names to the reader that can read it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Literal, get_args

from ...errors import SourceError, UsageError
from .beir import corpus_of
from .csv_file import read_csv, read_csv_stream
from .fields import Fields
from .folder import check_folder, count_files, read_folder
from .jsonl import read_jsonl, read_jsonl_stream
from .parquet import count_rows, read_parquet
from .single_file import SUFFIXES, read_file
from .source import Item, Source
from .text_file import codec, count_lines, describe

Format = Literal["auto", "jsonl", "csv", "parquet", "beir", "folder"]

_FORMATS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    **dict.fromkeys(SUFFIXES, "file"),
}
_COMPRESSED = ("jsonl", "csv")
_STREAMS: dict[str, Callable[[IO[bytes], Fields, str], Iterator[Item]]] = {
    "auto": read_jsonl_stream,
    "jsonl": read_jsonl_stream,
    "csv": read_csv_stream,
}


def open_source(
    spec: str,
    *,
    fields: Fields | None = None,
    encoding: str = "utf-8",
    format: Format = "auto",
    stdin: IO[bytes] | None = None,
) -> Source:
    """``open_source("papers/")``, ``open_source("docs.jsonl")``, ``open_source("-")``.

    Args:
        spec: a folder, a file, or ``-`` for standard input (JSON Lines, or CSV with ``format="csv"``).
        fields: which fields hold id, text and title.
        encoding: of text files; bytes that are not in it are an error.
        format: ``auto`` goes by the file's extension, or by the folder's content.
        stdin: read instead of the process's own standard input.

    Raises:
        SourceError: nothing is there, it is empty, or of no known kind.
    """
    if format not in get_args(Format):
        raise UsageError(f"There is no format {format!r}", f"Use one of: {', '.join(get_args(Format))}")
    fields = fields or Fields()
    codec(encoding)
    if spec == "-":
        return _stream(stdin or sys.stdin.buffer, fields, encoding, format)
    path = Path(spec).expanduser()
    try:
        if not path.exists():
            raise SourceError(f"There is nothing at {spec}", "Check the path of the source")
        return (
            _folder(path, fields, encoding, format)
            if path.is_dir()
            else _file(path, fields, encoding, format)
        )
    except OSError as error:
        raise SourceError(
            f"{spec} cannot be read: {describe(error)}", "Check that you may read it"
        ) from error


def _stream(stdin: IO[bytes], fields: Fields, encoding: str, format: Format) -> Source:
    if format not in _STREAMS:
        raise SourceError(
            f"Standard input cannot be read as {format}", "Write it to a file and name the file"
        )
    kind = "csv" if format == "csv" else "jsonl"
    return Source(kind, lambda _: _STREAMS[format](stdin, fields, encoding), once=True)


def _folder(folder: Path, fields: Fields, encoding: str, format: Format) -> Source:
    corpus = corpus_of(folder)
    if format == "beir" or (format == "auto" and corpus):
        if corpus is None:
            raise SourceError(f"{folder} has no corpus.jsonl", "Name a folder in BEIR's layout")
        return _file(corpus, fields, encoding, "jsonl", kind="beir")
    if format not in ("auto", "folder"):
        raise SourceError(f"{folder} is a folder and no {format} file", "Name the file inside it")
    check_folder(folder)
    return Source("folder", partial(read_folder, folder, encoding), total=lambda: count_files(folder))


def _file(path: Path, fields: Fields, encoding: str, format: Format, kind: str = "") -> Source:
    if format in ("beir", "folder"):
        raise SourceError(f"{path} is no folder", f"Name a folder, or leave out --format {format}")
    if path.is_file() and path.stat().st_size == 0:
        raise SourceError(f"{path} is empty", "Check that it was written to the end")
    found = _format_of(path) if format == "auto" else format
    if found == "jsonl":
        return Source(
            kind or "jsonl", lambda _: read_jsonl(path, fields, encoding), total=lambda: count_lines(path)
        )
    if found == "csv":
        return Source("csv", lambda _: read_csv(path, fields, encoding), total=lambda: _rows(path))
    if found == "parquet":
        return Source("parquet", lambda _: read_parquet(path, fields), total=lambda: count_rows(path))
    return Source("file", lambda _: iter([read_file(path, path.name, encoding)]), total=lambda: 1)


def _rows(path: Path) -> int | None:
    lines = count_lines(path)
    return None if lines is None else max(lines - 1, 0)


def _format_of(path: Path) -> str:
    compressed = path.suffix.lower() == ".gz"
    suffix = Path(path.stem).suffix.lower() if compressed else path.suffix.lower()
    if suffix == ".json" and not compressed:
        _check_json_lines(path)
        return "jsonl"
    format = _FORMATS.get(suffix)
    if format is None or (compressed and format not in _COMPRESSED):
        raise SourceError(
            f"{path} is of no kind that can be read",
            f"Use one of {' '.join(_FORMATS)} (.jsonl and .csv also as .gz), or say what it is with --format",
        )
    return format


def _check_json_lines(path: Path) -> None:
    with path.open("rb") as raw:
        first = raw.readline() if raw.peek(1)[:1] == b"{" else b""
    try:
        json.loads(first)
    except ValueError:
        raise SourceError(
            f"{path} is not JSON Lines, with one object on each line",
            f"Turn a JSON array into lines with: jq -c '.[]' {path.name} > {path.stem}.jsonl",
        ) from None
