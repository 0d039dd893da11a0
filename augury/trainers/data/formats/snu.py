"""Triplets of papers, as the snu_retrieval pipeline writes them: titles and abstracts, one negative a row.

Rows of one query follow each other and become one record.
"""

from __future__ import annotations

from ....schemas.training import TrainingPassage
from .row_format import Parts, Row, RowFormat, text_in, text_of


def _fits(row: Row) -> bool:
    return "query" in row and bool({"positive_title", "positive_abstract"} & row.keys())


def _parts(row: Row) -> Parts:
    negatives = (_paper(row, "negative"),) if any(_fields(row, "negative")) else ()
    return Parts(text_of(row, "query"), "", (_paper(row, "positive"),), negatives)


def _paper(row: Row, which: str) -> TrainingPassage:
    title, abstract = _fields(row, which)
    if not title and not abstract:
        raise ValueError(f"it has neither {which}_title nor {which}_abstract")
    return TrainingPassage(
        title=text_in(title, f"{which}_title") if title else "",
        text=text_in(abstract, f"{which}_abstract") if abstract else "",
    )


def _fields(row: Row, which: str) -> tuple[object, object]:
    return row.get(f"{which}_title") or "", row.get(f"{which}_abstract") or ""


SNU = RowFormat(
    "snu",
    '{"query": "...", "positive_title": "...", "positive_abstract": "...", "negative_title": "...", '
    '"negative_abstract": "..."}',
    _fits,
    _parts,
    merges=True,
)
