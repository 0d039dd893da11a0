"""Queries to mine for, from a training file or from judgements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ....evaluation.dataset import Dataset
from ....schemas.document import digest
from ....schemas.training import TrainingPassage, TrainingRecord
from ..near_duplicates import normal


@dataclass(frozen=True)
class Asked:
    """A query with what is known to answer it.

    Attributes:
        positives: with their texts; of judgements there are only ids, in ``judged``.
        judged: ids of positives whose passages are looked up in the index.
        negatives: that it had before.
        forbidden: other documents that must not become negatives.
        expansions: of its record, which keeps them.
    """

    query: str
    query_id: str = ""
    positives: tuple[TrainingPassage, ...] = ()
    judged: tuple[str, ...] = ()
    negatives: tuple[TrainingPassage, ...] = ()
    forbidden: frozenset[str] = field(default_factory=frozenset)
    expansions: tuple[str, ...] = ()

    @property
    def positive_ids(self) -> frozenset[str]:
        """The documents that answer it, as far as ids are known."""
        return frozenset(self.judged) | {each.doc_id for each in self.positives if each.doc_id}

    @property
    def key(self) -> str:
        """What tells it from the others, and can be read off its finished record."""
        return key_of(self.query, self.query_id, () if self.judged else self.positives)


def key_of(query: str, query_id: str, positives: Iterable[TrainingPassage]) -> str:
    """The key of a query, by its positives too where those are given: a file may repeat a query."""
    return digest(query, query_id, sorted((each.title, each.text) for each in positives))


def asked_of_records(records: Iterable[TrainingRecord]) -> Iterator[Asked]:
    """The queries of a training file."""
    for record in records:
        yield Asked(
            record.query,
            record.query_id,
            record.positives,
            negatives=record.negatives,
            expansions=record.expansions,
        )


def asked_of_dataset(dataset: Dataset) -> Iterator[Asked]:
    """The judged queries for which some document is relevant."""
    for query, text in dataset.queries.items():
        relevant = tuple(doc for doc, relevance in dataset.qrels[query].items() if relevance > 0)
        if relevant:
            yield Asked(text, query, judged=relevant, forbidden=dataset.dropped(query))


class KnownPositives:
    """Which passages answer a query anywhere in the file: a query may have several records, and what answers
    it in one is no negative of another."""

    def __init__(self, asked: Iterable[Asked]) -> None:
        self._known: dict[str, set[str]] = {}
        self.queries = 0
        for each in asked:
            self.queries += 1
            known = self._known.setdefault(digest(normal(each.query)), set())
            known |= {f"id {doc}" for doc in each.positive_ids}
            known |= {_text_key(passage) for passage in each.positives}

    def has(self, query: str, passage: TrainingPassage) -> bool:
        """Whether a passage, or its document, answers the query."""
        known = self._known.get(digest(normal(query)), set())
        return f"id {passage.doc_id}" in known or _text_key(passage) in known


def _text_key(passage: TrainingPassage) -> str:
    return digest(normal(passage.encoder_text))
