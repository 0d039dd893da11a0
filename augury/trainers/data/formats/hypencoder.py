"""Hypencoder's format: Killingback et al. 2025, https://arxiv.org/abs/2502.05364.

JSON Lines of a query with scored items; which of them answer it is a choice:

- ``first``: the first item, as in the published MS MARCO data.
- ``type``: the items whose type is ``positive_type``.
- ``score``: the items whose score is above ``score_above``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ....schemas.training import TrainingPassage
from .row_format import Parts, Row, RowFormat, id_in, passage_in, text_of

Positives = Literal["first", "type", "score"]


@dataclass(frozen=True)
class PositiveItems:
    """``PositiveItems("score", score_above=2.5)``: which items of a Hypencoder record are positives."""

    by: Positives = "first"
    score_above: float = 0.0
    positive_type: str = "positive"

    def __call__(self, number: int, item: Any, passage: TrainingPassage) -> bool:
        """Whether the item with this number answers the query."""
        if self.by == "first":
            return number == 0
        if self.by == "type":
            return bool(item.get("type") == self.positive_type)
        if passage.score is None:
            raise ValueError("an item has no score to choose positives by")
        return passage.score > self.score_above


def hypencoder(positive: PositiveItems) -> RowFormat:
    """The format with a choice of positives."""

    def parts(row: Row) -> Parts:
        query, items = row["query"], row["items"]
        if not isinstance(query, dict) or not isinstance(items, list):
            raise ValueError("'query' is no object or 'items' no list")
        positives: list[TrainingPassage] = []
        negatives: list[TrainingPassage] = []
        for number, item in enumerate(items):
            if not isinstance(item, dict):
                raise ValueError("an item is no object")
            passage = passage_in(item, "items")
            (positives if positive(number, item, passage) else negatives).append(passage)
        return Parts(
            text_of(query, "content"), id_in(query, ("id", "_id")), tuple(positives), tuple(negatives)
        )

    return RowFormat(
        "hypencoder",
        '{"query": {"id": "...", "content": "..."}, "items": [{"content": "...", "score": 1.5}]}',
        lambda row: "query" in row and "items" in row,
        parts,
    )
