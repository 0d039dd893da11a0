"""Which judged documents an index holds: what it lacks, no search can find."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..connector.store.base import Store
from ..errors import SourceError
from ..schemas.evaluation import DocumentCounts
from ..schemas.points import Filter
from .dataset import Dataset

_BATCH = 1000
_NAMED = 100
"""So many missing documents are named."""


def coverage(store: Store, dataset: Dataset, among: Filter | None = None) -> DocumentCounts:
    """``coverage(index.store, dataset).missing``: judged documents that have no passage in the index.

    Args:
        among: only documents whose passages match count as held.

    Raises ``SourceError`` where it holds none of them, as it is then another collection.
    """
    judged = dict.fromkeys(document for judged in dataset.qrels.values() for document in judged)
    relevant = {
        document for judged in dataset.qrels.values() for document, grade in judged.items() if grade > 0
    }
    held = set(_held(store, list(judged), among))
    missing = [document for document in judged if document not in held]
    if len(missing) == len(judged):
        raise SourceError(
            f"None of the {len(judged)} judged documents of {dataset.name} is in the index, such as "
            f"{missing[0]!r}",
            "Is it another collection? Name the index of this one, or ingest it first",
        )
    return DocumentCounts(
        judged=len(judged),
        missing=len(missing),
        relevant=len(relevant),
        missing_relevant=len(relevant.difference(held)),
        missing_ids=tuple(missing[:_NAMED]),
    )


def _held(store: Store, documents: Sequence[str], among: Filter | None) -> Iterator[str]:
    for start in range(0, len(documents), _BATCH):
        conditions: list[Filter] = [
            {"key": "doc_id", "match": {"any": list(documents[start : start + _BATCH])}},
            {"key": "chunk", "match": {"value": 0}},  # each document has one first passage
        ]
        if among:
            conditions.append(among)
        for records in store.scroll({"must": conditions}, payload=("doc_id",)):
            yield from (str(record.payload["doc_id"]) for record in records)
