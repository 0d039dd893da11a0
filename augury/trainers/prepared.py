"""The data of a run: rows to train on, and judged queries that none of them has."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..errors import SourceError, UsageError
from ..evaluation.beir import beir_place
from ..evaluation.dataset import Dataset, open_dataset
from ..schemas.document import Document, digest
from ..schemas.training import TrainingPassage, TrainingRecord
from ..schemas.training_report import TrainingCounts
from .config import TrainingConfig
from .records import beir_corpus, open_records
from .rows import Row, make_rows, query_key

LONG = 20_000
"""Characters of a text that no encoder here reads to its end."""


@dataclass(frozen=True)
class Dev:
    """``Dev(dataset, corpus)``: judged queries, and the documents that are searched for them."""

    dataset: Dataset
    corpus: tuple[Document, ...]


@dataclass(frozen=True)
class Prepared:
    """What a trainer works on.

    Attributes:
        sha256: over every record that was read, in their order.
        notes: what may not be as it was meant.
    """

    rows: list[Row]
    dev: Dev
    sha256: str
    records: int
    notes: tuple[str, ...]

    @property
    def dev_name(self) -> str:
        """What the model is judged by."""
        return self.dev.dataset.name

    @property
    def counts(self) -> TrainingCounts:
        """For the report."""
        return TrainingCounts(
            records=self.records,
            rows=len(self.rows),
            dev_queries=len(self.dev.dataset.queries),
            dev_documents=len(self.dev.corpus),
        )


def prepare(
    config: TrainingConfig, *, expansions: int = 0, teacher: bool = False, trains: bool = True
) -> Prepared:
    """``prepare(config)``: read the data, set queries aside for evaluation, and lay out the rows.

    Args:
        trains: False where no row is learned from; then every query of the data may be evaluated.

    Raises:
        SourceError: data that cannot be read, or that is empty.
        UsageError: too few queries to hold any out, or no row that the loss can use.
    """
    sha256 = hashlib.sha256()
    records: list[TrainingRecord] = []
    for record in open_records(config.data):
        sha256.update(record.model_dump_json().encode(errors="surrogatepass"))
        records.append(record)
    if not records:
        raise SourceError(f"{config.data} has no training record", "Give a file with a record on each line")
    notes = list(_long_texts(records))
    if config.dev:
        dev = _named(config, notes)
        taken = {query_key(text) for text in dev.dataset.queries.values()}
        kept = [record for record in records if query_key(record.query) not in taken]
        if len(kept) < len(records):
            notes.append(
                f"Records left out of training, as their query is evaluated: {len(records) - len(kept)}."
            )
    else:
        kept, dev = _held_out(config, records, notes)
    rows, told = list[Row](), list[str]()
    if trains or len({query_key(record.query) for record in kept}) > 1:
        rows, told = make_rows(
            kept, negatives=config.negatives, expansions=expansions, teacher=teacher, seed=config.seed
        )
    return Prepared(rows, dev, sha256.hexdigest(), len(records), (*notes, *told))


def _long_texts(records: Sequence[TrainingRecord]) -> Iterator[str]:
    lengths = [
        len(text)
        for record in records
        for text in (record.query, *(each.text for each in (*record.positives, *record.negatives)))
        if len(text) > LONG
    ]
    if lengths:
        yield (
            f"Texts of more than {LONG:,} characters, of which a model reads the beginning: {len(lengths)}, "
            f"the longest of {max(lengths):,}."
        )


def _named(config: TrainingConfig, notes: list[str]) -> Dev:
    folder, split = beir_place(config.dev, "dev")
    if folder is None:
        raise SourceError(f"There is no folder {config.dev}", "Name one in BEIR layout, such as scifact:test")
    dataset = open_dataset(folder, split=split)
    dataset = _drawn(dataset, config.dev_queries, config.seed)
    wanted = {
        document for grades in dataset.qrels.values() for document, grade in grades.items() if grade > 0
    }
    corpus = _capped(beir_corpus(folder, notes), wanted, config, notes)
    return Dev(dataset, corpus)


def _held_out(
    config: TrainingConfig, records: list[TrainingRecord], notes: list[str]
) -> tuple[list[TrainingRecord], Dev]:
    """Some of the queries with all that is known of them; they are searched among every passage there is."""
    texts = {query_key(record.query): record.query for record in records}
    count = min(config.dev_queries, round(len(texts) * config.dev_share) or 1)
    if len(texts) < count + 2:
        raise UsageError(
            f"{config.data} has {len(texts)} queries that differ, too few to hold any out",
            "Name other judged queries with --dev, or bring more",
        )
    held = set(random.Random(config.seed).sample(sorted(texts), count))
    qrels: dict[str, dict[str, int]] = {}
    for record in records:
        if query_key(record.query) in held:
            judged = qrels.setdefault(digest(query_key(record.query)), {})
            judged.update({_id(passage): 1 for passage in record.positives})
    queries = {digest(key): texts[key] for key in texts if key in held}
    wanted = {document for judged in qrels.values() for document in judged}
    folder, _ = beir_place(config.data, "train")
    documents = beir_corpus(folder, notes) if folder else _documents(records)
    dataset = Dataset(f"{count} held-out queries", queries, {query: qrels[query] for query in queries})
    kept = [record for record in records if query_key(record.query) not in held]
    return kept, Dev(dataset, _capped(documents, wanted, config, notes))


def _drawn(dataset: Dataset, count: int, seed: int) -> Dataset:
    """So many of the queries, drawn at random."""
    if count >= len(dataset.queries):
        return dataset
    chosen = set(random.Random(seed).sample(sorted(dataset.queries), count))
    queries = {query: text for query, text in dataset.queries.items() if query in chosen}
    return replace(
        dataset,
        name=f"{dataset.name} ({count} of its queries)",
        queries=queries,
        qrels={query: dataset.qrels[query] for query in queries},
    )


def _capped(
    documents: Iterable[Document], wanted: set[str], config: TrainingConfig, notes: list[str]
) -> tuple[Document, ...]:
    """All relevant documents, and of the others as many as the cap leaves room for, drawn at random."""
    kept = {document.id: document for document in documents}
    others = sorted(kept.keys() - wanted)
    room = max(0, config.dev_documents - len(wanted))
    if len(others) > room:
        for document in random.Random(config.seed).sample(others, len(others) - room):
            del kept[document]
        notes.append(
            f"Evaluated among {len(kept)} documents: all relevant ones, and {room} of {len(others)} others."
        )
    return tuple(kept.values())


def _id(passage: TrainingPassage) -> str:
    return passage.doc_id or digest(passage.encoder_text)


def _documents(records: Iterable[TrainingRecord]) -> Iterator[Document]:
    for record in records:
        for passage in (*record.positives, *record.negatives):
            yield Document(id=_id(passage), title=passage.title, text=passage.text)
