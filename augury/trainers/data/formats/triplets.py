"""Rows as sentence-transformers trains on: https://sbert.net/docs/sentence_transformer/dataset_overview.html.

A row is a pair (``anchor``, ``positive``), a triplet with a ``negative``, or more with ``negative_1`` to
``negative_n``. The query's column may also be called ``query`` or ``question``, the positive's ``answer``.
"""

from __future__ import annotations

import re

from .row_format import Parts, Row, RowFormat, passage_in, passages_in, text_of

_QUERIES = ("anchor", "query", "question")
_POSITIVES = ("positive", "answer")
_NEGATIVE = re.compile(r"negatives?(_[0-9]+)?")


def _fits(row: Row) -> bool:
    return _named(row, _QUERIES) is not None and _named(row, _POSITIVES) is not None


def _parts(row: Row) -> Parts:
    query, positive = _named(row, _QUERIES), _named(row, _POSITIVES)
    assert query is not None and positive is not None
    negatives = [
        passage
        for name, value in row.items()
        if _NEGATIVE.fullmatch(name) and value not in (None, "")
        for passage in passages_in(value, name)
    ]
    return Parts(text_of(row, query), "", (passage_in(row[positive], positive),), tuple(negatives))


def _named(row: Row, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in row), None)


TRIPLETS = RowFormat(
    "triplets",
    '{"anchor": "...", "positive": "...", "negative": "..."}, also negative_1 to negative_n',
    _fits,
    _parts,
)
