"""Which judged documents an index holds: what it lacks, no search can find."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..connector.store.base import Store
from ..errors import SourceError
from ..schemas.evaluation import DocumentCounts
from ..schemas.payload_layout import PayloadLayout
from ..schemas.points import Filter
from .dataset import Dataset

_BATCH = 1000
_NAMED = 100
"""So many missing documents are named."""


def coverage(
    store: Store, dataset: Dataset, layout: PayloadLayout, among: Filter | None = None
) -> DocumentCounts:
    """``coverage(store, dataset, layout).missing``: judged documents that have no passage in the index.

    Args:
        among: only documents whose passages match count as held.

    Raises ``SourceError`` where it holds none of them, as it is then another collection.
    """
    judged = dict.fromkeys(document for judged in dataset.qrels.values() for document in judged)
    relevant = {
        document for judged in dataset.qrels.values() for document, grade in judged.items() if grade > 0
    }
    held = set(held_documents(store, list(judged), layout, among))
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


def held_documents(
    store: Store, documents: Sequence[str], layout: PayloadLayout, among: Filter | None = None
) -> Iterator[str]:
    """Those of these documents that the store has a passage of; ``among`` as above."""
    for start in range(0, len(documents), _BATCH):
        some = documents[start : start + _BATCH]
        if not layout.doc_id:  # documents are called by the ids of their points
            ids = [int(name) if name.isdecimal() else name for name in some]
            yield from map(str, store.vectors(ids, (), payload=False))
            continue
        conditions: list[Filter] = [{"key": layout.doc_id, "match": {"any": list(some)}}]
        if not layout.own:
            conditions.append({"key": "chunk", "match": {"value": 0}})  # each document has one first passage
        if among:
            conditions.append(among)
        for records in store.scroll({"must": conditions}, payload=layout.keys("doc_id")):
            yield from (layout.doc_id_of(record.payload, record.id) for record in records)
