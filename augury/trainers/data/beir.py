"""A folder in BEIR layout as training data: each judged query with the documents that answer it.

The layout of Thakur et al. 2021, https://arxiv.org/abs/2104.08663. Of the corpus only judged documents are
kept in memory. It has no negatives: ``augury mine`` finds some.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...connector.sources import open_source
from ...errors import TrainingDataError
from ...evaluation.beir import load_qrels, load_queries
from ...schemas.document import Document
from ...schemas.training import TrainingPassage, TrainingRecord

Read = tuple[int, TrainingRecord | TrainingDataError]
"""How many rows or judged queries, and what they came to."""


def read_beir(folder: Path, split: str, notes: list[str]) -> Iterator[Read]:
    """``read_beir(Path("scifact"), "train", notes)``: a record for each query with a positive judgement.

    Judged documents that the corpus lacks are told in ``notes``; a query without a text, or none of whose
    documents is there, is an error.
    """
    qrels = load_qrels(folder, split)
    queries = load_queries(folder)
    wanted = {doc for judged in qrels.values() for doc, relevance in judged.items() if relevance > 0}
    passages = {
        item.id: TrainingPassage(text=item.text, title=item.title, doc_id=item.id)
        for item in open_source(str(folder), format="beir")
        if isinstance(item, Document) and item.id in wanted
    }
    if missing := len(wanted) - len(passages):
        notes.append(f"{missing} judged documents are not in the corpus of {folder}.")
    for query, judged in qrels.items():
        relevant = [doc for doc, relevance in judged.items() if relevance > 0]
        if not relevant:
            continue
        positives = tuple(passages[doc] for doc in relevant if doc in passages)
        place = f"{folder}/qrels/{split}.tsv"
        if not queries.get(query, "").strip():
            yield (
                1,
                TrainingDataError(
                    f"Query {query!r} of {place} has no text", "Add it to queries.jsonl", source=place
                ),
            )
        elif not positives:
            yield (
                1,
                TrainingDataError(
                    f"None of the documents that answer query {query!r} of {place} is in the corpus",
                    "Add them to corpus.jsonl",
                    source=place,
                ),
            )
        else:
            yield 1, TrainingRecord(query=queries[query], query_id=query, positives=positives)
