"""This project's own format: a ``TrainingRecord`` on each line."""

from __future__ import annotations

from pydantic import ValidationError

from ....schemas.training import TrainingRecord
from .row_format import Parts, Row, RowFormat, text_in


def _fits(row: Row) -> bool:
    return "query" in row and isinstance(row.get("positives"), list)


def _parts(row: Row) -> Parts:
    try:
        record = TrainingRecord.model_validate(row)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    text_in(record.query, "query")
    for passage in (*record.positives, *record.negatives):
        text_in(passage.title + passage.text, "a passage")
    return Parts(record.query, record.query_id, record.positives, record.negatives, record.expansions)


OWN = RowFormat(
    "own",
    '{"query": "...", "positives": [{"text": "..."}], "negatives": [{"text": "..."}]}',
    _fits,
    _parts,
)
