"""Run files in TREC's format: ``query Q0 document rank score tag``, one document a line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import SourceError, UsageError
from .lines import read_lines
from .measure import Run
from .qrels_file import Qrels

_LARGEST = float(np.finfo(np.float32).max)
_AS_TREC = "Write query, Q0, document, rank, score and tag between blanks"


def write_run(path: Path, run: Run, tag: str) -> None:
    """``write_run(Path("mine.run"), run, "augury")``: documents in the order of the run.

    Every program shall see that order, and trec_eval goes by the score alone, in single precision: a score
    that does not fall is written as the next smaller one. Raises ``UsageError`` for an id or a tag with
    blanks, which the format cannot hold.
    """
    tag = _one_word(tag, "tag")
    with path.open("w", encoding="utf-8", newline="\n") as lines:
        for query, documents in run.items():
            above = np.float32(np.inf)
            for rank, (document, score) in enumerate(documents.items(), start=1):
                above = min(np.float32(score), np.nextafter(above, np.float32(-np.inf)))
                place = f"{_one_word(query, 'query id')} Q0 {_one_word(document, 'document id')}"
                lines.write(f"{place} {rank} {above} {tag}\n")


def read_run(path: Path) -> Run:
    """``read_run(Path("mine.run"))``: query id -> document id -> score, best first.

    As trec_eval does it, documents are ordered by score and, where scores are equal, by id from the last to
    the first; the rank in the file is not looked at. Raises ``SourceError``, with the line, for one of
    another shape and for a document that a query has twice.
    """
    run: Run = {}
    for place, line in read_lines(path):
        parts = line.split()
        if len(parts) != 6:
            raise SourceError(f"{place} is no line of a run (it has {len(parts)} parts, not 6)", _AS_TREC)
        query, _, document, _, written, _ = parts
        documents = run.setdefault(query, {})
        if document in documents:
            raise SourceError(f"{place} has document {document!r} again for query {query!r}", "Keep one")
        documents[document] = _score(written, place)
    if not run:
        raise SourceError(f"{path} has no line of a run", _AS_TREC)
    return {
        query: dict(sorted(documents.items(), key=lambda each: (np.float32(each[1]), each[0]), reverse=True))
        for query, documents in run.items()
    }


def check_run(run: Run, qrels: Qrels, name: str) -> int:
    """How many of the judged queries the run has. Raises ``SourceError`` where that is none."""
    known = len(run.keys() & qrels.keys())
    if not known:
        raise SourceError(
            f"{name} has none of the {len(qrels)} judged queries; its first is {next(iter(run))!r}, "
            f"theirs {next(iter(qrels))!r}",
            "Check that the run is of this collection",
        )
    return known


def without(run: Run, dropped: Mapping[str, frozenset[str]]) -> Run:
    """The run without the documents that may not be in it, by query id."""
    return {
        query: {
            document: score
            for document, score in documents.items()
            if document not in dropped.get(query, frozenset())
        }
        for query, documents in run.items()
    }


def _score(written: str, place: str) -> float:
    try:
        score = float(written)
    except ValueError:
        score = math.nan
    if not abs(score) <= _LARGEST:
        raise SourceError(f"{place} is no line of a run (its score is {written!r})", _AS_TREC)
    return score


def _one_word(text: str, what: str) -> str:
    if not text or text.split() != [text]:
        raise UsageError(f"A run file cannot hold the {what} {text!r}", "Use ids without blanks")
    return text
