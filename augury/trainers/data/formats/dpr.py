"""DPR's format: Karpukhin et al. 2020, https://arxiv.org/abs/2004.04906.

A JSON array of questions with lists of contexts. A context's ``score`` is of the BM25 or the retriever that
found it, and no teacher's: it is not read.
"""

from __future__ import annotations

from .row_format import Parts, Row, RowFormat, id_in, passages_in, text_of


def _fits(row: Row) -> bool:
    return "question" in row and "positive_ctxs" in row


def _parts(row: Row) -> Parts:
    def contexts(field: str) -> Parts:
        found = (each.model_copy(update={"score": None}) for each in passages_in(row.get(field), field))
        return Parts("", negatives=tuple(found))

    negatives = contexts("hard_negative_ctxs").with_more(contexts("negative_ctxs")).negatives
    return Parts(
        text_of(row, "question"),
        id_in(row, ("question_id", "query_id", "id", "_id")),
        contexts("positive_ctxs").negatives,
        negatives,
    )


DPR = RowFormat(
    "dpr",
    '{"question": "...", "positive_ctxs": [{"title": "...", "text": "..."}], "hard_negative_ctxs": [...]}',
    _fits,
    _parts,
)
