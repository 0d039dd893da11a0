"""The rows of a training file, of whatever shape: JSON Lines, a JSON array, CSV, TSV or Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...connector.sources.csv_file import csv_rows
from ...connector.sources.jsonl import jsonl_rows
from ...connector.sources.parquet import parquet_rows
from ...connector.sources.source import Row
from ...connector.sources.text_file import open_lines
from ...errors import SourceError
from ...evaluation.lines import ENCODING
from .json_array import read_array


def read_rows(path: Path) -> Iterator[Row]:
    """``read_rows(Path("train.jsonl"))``: objects with their place, and errors where one cannot be read.

    CSV, TSV and Parquet are known by their names, all else is JSON; names that end in ``.gz`` are unpacked.
    Raises ``SourceError`` for a file that cannot be read as a whole.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is not there"
        raise SourceError(f"{path} {what}", "Name a file of training data, or a folder in BEIR layout")
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".csv", ".tsv")):
        return csv_rows(path, ENCODING, lambda header, name: None)
    if name.endswith(".parquet"):
        return parquet_rows(path, lambda columns, name: None)
    return read_array(path, ENCODING) if _is_array(path) else jsonl_rows(path, ENCODING)


def _is_array(path: Path) -> bool:
    with open_lines(path, ENCODING) as lines:
        first = next((line for line in lines if line.strip("\ufeff \t\r\n")), "")
    return first.lstrip("\ufeff \t").startswith("[")
