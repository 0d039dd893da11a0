"""Queries and judgements of a collection in BEIR layout.

The layout of Thakur et al. 2021 (https://arxiv.org/abs/2104.08663): ``queries.jsonl``, ``qrels/SPLIT.tsv``.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import SourceError
from .lines import read_lines
from .qrels_file import Qrels, read_qrels
from .queries_file import read_queries

_LAYOUT = "Give a folder in BEIR layout: corpus, queries, qrels/SPLIT.tsv"


def beir_place(where: str, split: str) -> tuple[Path | None, str]:
    """The BEIR folder and the split that ``FOLDER`` or ``FOLDER:SPLIT`` names; None where it is no folder."""
    whole = Path(where).expanduser()
    if whole.is_dir():
        return whole, split
    name, colon, named = where.rpartition(":")
    folder = Path(name).expanduser()
    return (folder, named) if colon and folder.is_dir() else (None, split)


def load_queries(folder: Path) -> dict[str, str]:
    """``load_queries(Path("scifact"))``: query id -> text, in file order."""
    path = folder / "queries.jsonl"
    packed = folder / "queries.jsonl.gz"
    if not path.is_file() and not packed.is_file():
        raise SourceError(f"{path} is not there", _LAYOUT)
    return read_queries(path if path.is_file() else packed)


def load_qrels(folder: Path, split: str) -> Qrels:
    """``load_qrels(Path("scifact"), "test")``: the judgements of ``qrels/test.tsv``.

    Raises ``SourceError``, with the splits that are there, for one that is not.
    """
    path = folder / "qrels" / f"{split}.tsv"
    if not path.is_file():
        there = splits(folder)
        raise SourceError(
            f"{path} is not there", f"Choose a split that is: {', '.join(there)}" if there else _LAYOUT
        )
    return read_qrels(path)


def load_excluded(folder: Path) -> dict[str, frozenset[str]]:
    """Query id -> the documents that ``exclude.tsv`` drops from its run; empty without such a file."""
    path = folder / "exclude.tsv"
    excluded: dict[str, set[str]] = {}
    for place, line in read_lines(path) if path.is_file() else ():
        query, _, document = (part.strip() for part in line.partition("\t"))
        if not query or not document or "\t" in document:
            raise SourceError(f"{place} excludes nothing", "Write a query id, a tab and a document id")
        excluded.setdefault(query, set()).add(document)
    return {query: frozenset(documents) for query, documents in excluded.items()}


def splits(folder: Path) -> list[str]:
    """The names of the splits that have judgements."""
    return sorted(path.stem for path in (folder / "qrels").glob("*.tsv"))
