"""Pairs with a score or a label, as sentence-transformers trains on.

From ``positive_from`` on, a pair's passage answers its query; below, it is a negative. The score is kept as
the teacher's, a ``label`` is not: it is a judgement. Rows of one query follow each other and become one
record.
"""

from __future__ import annotations

from .row_format import Parts, Row, RowFormat, passage_in, score_in, text_of

POSITIVE_FROM = 0.5

_PAIRS = (
    ("sentence1", "sentence2"),
    ("sentence_A", "sentence_B"),
    ("query", "passage"),
    ("query", "document"),
    ("query", "text"),
    ("query", "answer"),
    ("anchor", "positive"),
)
_SCORES = ("score", "similarity", "label")


def _fits(row: Row) -> bool:
    return _columns(row) is not None and not any(name.startswith("negative") for name in row)


def scored_pairs(positive_from: float = POSITIVE_FROM) -> RowFormat:
    """The format with the score from which on a passage is a positive."""

    def parts(row: Row) -> Parts:
        found = _columns(row)
        if found is None:
            raise ValueError("it has no pair of texts with a score")
        query, passage, scored = found
        score = score_in(row[scored], scored)
        if score is None:
            raise ValueError(f"it has no {scored!r}")
        kept = None if scored == "label" else score
        each = passage_in(row[passage], passage).model_copy(update={"score": kept})
        if score >= positive_from:
            return Parts(text_of(row, query), positives=(each,))
        return Parts(text_of(row, query), negatives=(each,))

    return RowFormat(
        "pairs", '{"sentence1": "...", "sentence2": "...", "score": 0.9}', _fits, parts, merges=True
    )


def _columns(row: Row) -> tuple[str, str, str] | None:
    pair = next((pair for pair in _PAIRS if pair[0] in row and pair[1] in row), None)
    score = next((name for name in _SCORES if name in row), None)
    return (*pair, score) if pair and score else None
