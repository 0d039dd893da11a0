"""Judgements from a file: TREC's qrels, BEIR's table, or JSON Lines."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import SourceError
from .lines import first_of, is_jsonl, read_lines, record

Qrels = dict[str, dict[str, int]]
"""Query id -> document id -> relevance."""

_QUERIES = ("query_id", "query-id", "qid", "query")
_DOCUMENTS = ("doc_id", "corpus-id", "docid", "document", "doc")
_RELEVANCES = ("relevance", "score", "rel", "label")
_HEADINGS = {*_QUERIES, *_DOCUMENTS, *_RELEVANCES}
_AS_JSON = 'Write it as {"query_id": "q1", "doc_id": "d1", "relevance": 1}'
_AS_TEXT = (
    "Write query, document and relevance between tabs, or as TREC does: query, 0, document and relevance"
)
_WHOLE = re.compile(r"[+-]?[0-9]+")


def read_qrels(path: Path) -> Qrels:
    """``read_qrels(Path("qrels.txt"))``: the judgements of a file, which may have a heading.

    A line is ``query 0 document relevance`` (TREC), ``query<TAB>document<TAB>relevance`` (BEIR) or, where the
    name ends in ``.jsonl``, an object with ``query_id``, ``doc_id`` and ``relevance``. Raises
    ``SourceError``, with the line, for any other and for a second, different judgement of a document.
    """
    qrels: Qrels = {}
    for number, (place, line) in enumerate(read_lines(path)):
        query, document, written = _from_json(line, place) if is_jsonl(path) else _from_text(line, place)
        if number == 0 and {query.lower(), document.lower(), written.lower()} <= _HEADINGS:
            continue
        if not _WHOLE.fullmatch(written):
            raise SourceError(
                f"{place} is no judgement: its relevance {written!r} is no whole number", "Write 0, 1, 2, ..."
            )
        judged = qrels.setdefault(query, {})
        relevance = int(written)
        if judged.setdefault(document, relevance) != relevance:
            raise SourceError(
                f"{place} judges document {document!r} for query {query!r} as {relevance}, and an earlier "
                f"line as {judged[document]}",
                "Keep one of the two",
            )
    if not qrels:
        raise SourceError(f"{path} has no judgement", _AS_JSON if is_jsonl(path) else _AS_TEXT)
    return qrels


def _from_json(line: str, place: str) -> tuple[str, str, str]:
    found = record(line, place, "judgement", _AS_JSON)
    values = [first_of(found, names) for names in (_QUERIES, _DOCUMENTS, _RELEVANCES)]
    for name, value in zip(("query_id", "doc_id", "relevance"), values, strict=True):
        if value is None or value == "":
            raise SourceError(f"{place} is no judgement (it has no {name})", _AS_JSON)
    query, document, relevance = map(str, values)
    return query, document, relevance


def _from_text(line: str, place: str) -> tuple[str, str, str]:
    parts = [part.strip() for part in line.split("\t")]
    if len(parts) not in (3, 4):
        parts = line.split()
    if len(parts) not in (3, 4) or not all(parts):
        raise SourceError(f"{place} is no judgement (it has {len(parts)} parts)", _AS_TEXT)
    return parts[0], parts[-2], parts[-1]
