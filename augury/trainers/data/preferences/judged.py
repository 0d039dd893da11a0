"""Queries to sample for, each once, with what answers them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ....evaluation.dataset import Dataset
from ....schemas.document import digest
from ....schemas.training import TrainingPassage, TrainingRecord
from ..near_duplicates import normal


@dataclass(frozen=True)
class Judged:
    """A query with its judgements.

    Attributes:
        positives: relevant passages with their texts.
        grades: document id -> relevance. A passage without an id goes by ``text_id``.
        dropped: documents that may not be found for it, as the one it was taken from.
    """

    query: str
    query_id: str = ""
    positives: tuple[TrainingPassage, ...] = ()
    grades: Mapping[str, int] = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """What tells it from the others."""
        return digest(self.query, self.query_id)

    @property
    def by_text(self) -> frozenset[str]:
        """The ``text_id`` of positives that have no other."""
        return frozenset(text_id(each.encoder_text) for each in self.positives if not each.doc_id)


def text_id(text: str) -> str:
    """What a passage without an id is called."""
    return f"text {digest(normal(text))}"


def judged_queries(
    records: Iterable[TrainingRecord],
    dataset: Dataset | None = None,
    *,
    exclude_self: bool = False,
    count: int | None = None,
) -> list[Judged]:
    """``judged_queries(open_records("scifact:train"))``: records of one query become one.

    Args:
        dataset: judgements of the same queries, with grades and with documents that are dropped.
        exclude_self: without a dataset: whether a document with the query's id is dropped.
        count: so many of the queries only, drawn by their text: more of them include these.
    """
    found: dict[tuple[str, str], Judged] = {}
    for record in records:
        name = (record.query_id, record.query)
        old = found.get(name) or Judged(record.query, record.query_id)
        positives = tuple(dict.fromkeys((*old.positives, *record.positives)))
        found[name] = replace(old, positives=positives)
    queries = list(found.values())
    if count is not None:
        queries = sorted(queries, key=lambda each: each.key)[:count]
    return [_with_grades(each, dataset, exclude_self) for each in queries]


def _with_grades(judged: Judged, dataset: Dataset | None, exclude_self: bool) -> Judged:
    if dataset is not None and judged.query_id in dataset.qrels:
        grades: Mapping[str, int] = dataset.qrels[judged.query_id]
        dropped = dataset.dropped(judged.query_id)
    else:
        grades = {each.doc_id or text_id(each.encoder_text): 1 for each in judged.positives}
        dropped = frozenset({judged.query_id}) if exclude_self and judged.query_id else frozenset()
    return replace(judged, grades=grades, dropped=dropped)
