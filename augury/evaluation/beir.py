"""Queries and judgements of a collection in BEIR layout."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from ..errors import SourceError

Qrels = dict[str, dict[str, int]]
"""Query id -> document id -> relevance."""


def load_queries(folder: Path) -> dict[str, str]:
    """``load_queries(Path("scifact"))``: query id -> text, in file order."""
    path = _there(folder / "queries.jsonl")
    queries: dict[str, str] = {}
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    record = json.loads(line)
                    queries[str(record["_id"])] = str(record["text"])
                except (ValueError, KeyError, TypeError) as error:
                    raise SourceError(
                        f"{path}:{number} is no query ({error})", 'Write it as {"_id": "q1", "text": "..."}'
                    ) from error
    return queries


def load_qrels(folder: Path, split: str) -> Qrels:
    """``load_qrels(Path("scifact"), "test")``: the judgements of ``qrels/test.tsv``."""
    path = _there(folder / "qrels" / f"{split}.tsv")
    qrels: Qrels = {}
    with path.open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.reader(lines, delimiter="\t"), start=1):
            if number == 1 and row[-1:] == ["score"]:
                continue
            try:
                query, document, relevance = row
                qrels.setdefault(query, {})[document] = int(relevance)
            except ValueError as error:
                raise SourceError(
                    f"{path}:{number} is no judgement ({error})",
                    "Write query, document and score between tabs",
                ) from error
    return qrels


def _there(path: Path) -> Path:
    if not path.is_file():
        raise SourceError(
            f"{path} is not there", "Give a folder in BEIR layout: corpus, queries, qrels/SPLIT.tsv"
        )
    return path
