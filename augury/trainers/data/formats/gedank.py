"""The formats of the Gedank Rayze SPLADE trainer.

JSON and JSON Lines hold a query with its documents; negatives are texts, or objects with ``document``,
``explanation`` and ``strategy``, of which only the document is read. CSV and TSV hold one judged document a
row, and the rows of one query follow each other.
"""

from __future__ import annotations

from .row_format import Parts, Row, RowFormat, passage_in, passages_in, text_of

_YES, _NO = ("1", "true", "yes"), ("0", "false", "no")


def _fits(row: Row) -> bool:
    return "query" in row and "positive_document" in row


def _parts(row: Row) -> Parts:
    negatives = passages_in(row.get("negative_documents"), "negative_documents")
    return Parts(
        text_of(row, "query"),
        "",
        (passage_in(row.get("positive_document"), "positive_document"),),
        negatives,
    )


def _fits_table(row: Row) -> bool:
    return {"query", "document", "is_relevant"} <= row.keys()


def _table_parts(row: Row) -> Parts:
    passage = passage_in(row.get("document"), "document")
    relevant = str(row.get("is_relevant")).strip().lower()
    if relevant not in (*_YES, *_NO):
        raise ValueError(f"'is_relevant' is {row.get('is_relevant')!r:.40} and neither 1 nor 0")
    if relevant in _YES:
        return Parts(text_of(row, "query"), positives=(passage,))
    return Parts(text_of(row, "query"), negatives=(passage,))


GEDANK = RowFormat(
    "gedank",
    '{"query": "...", "positive_document": "...", "negative_documents": ["..."]}',
    _fits,
    _parts,
)
GEDANK_TABLE = RowFormat(
    "gedank-table",
    "columns query, document, is_relevant (1 or 0)",
    _fits_table,
    _table_parts,
    merges=True,
)
