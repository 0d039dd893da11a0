"""Training records from what the user names: ``for record in open_records("records.jsonl"): ...``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from ..connector.sources.opening import open_source
from ..errors import DocumentError, SourceError
from ..evaluation.beir import load_qrels, load_queries, splits
from ..evaluation.lines import read_lines
from ..schemas.document import Document
from ..schemas.training import TrainingPassage, TrainingRecord

_SHAPE = 'Write it as {"query": "...", "positives": [{"text": "..."}], "negatives": [{"text": "..."}]}'


def open_records(where: str) -> Iterator[TrainingRecord]:
    """``open_records("records.jsonl")``, ``open_records("scifact")``, ``open_records("scifact:train")``.

    Raises ``SourceError``, with the line, for what is no record, and for a place where nothing is.
    """
    folder, split = beir_place(where, "train")
    if folder is not None:
        yield from _beir_records(folder, split)
        return
    for place, line in read_lines(Path(where).expanduser()):
        try:
            yield TrainingRecord.model_validate_json(line)
        except ValidationError as error:
            problem = error.errors()[0]
            name = ".".join(str(part) for part in problem["loc"])
            told = f"{name}: {problem['msg']}" if name else problem["msg"]
            raise SourceError(f"{place} is no training record ({told})", _SHAPE) from None


def beir_place(where: str, split: str) -> tuple[Path | None, str]:
    """The BEIR folder and the split that ``FOLDER`` or ``FOLDER:SPLIT`` names; None where it is no folder."""
    whole = Path(where).expanduser()
    if whole.is_dir():
        return whole, split
    name, colon, named = where.rpartition(":")
    folder = Path(name).expanduser()
    return (folder, named) if colon and folder.is_dir() else (None, split)


def beir_corpus(folder: Path) -> Iterator[Document]:
    """Every document of a folder in BEIR layout. Raises ``SourceError`` for a line that is none."""
    for item in open_source(str(folder), format="beir"):
        if isinstance(item, DocumentError):
            raise SourceError(item.what, item.fix)
        yield item


def _beir_records(folder: Path, split: str) -> Iterator[TrainingRecord]:
    if not splits(folder):
        raise SourceError(
            f"{folder} is no collection in BEIR layout", "Give a file of records, or such a folder"
        )
    queries, qrels = load_queries(folder), load_qrels(folder, split)
    judged = {document for grades in qrels.values() for document in grades}
    passages = {
        document.id: TrainingPassage(text=document.text, title=document.title, doc_id=document.id)
        for document in beir_corpus(folder)
        if document.id in judged
    }
    for query, grades in qrels.items():
        found = [(passages[document], grade) for document, grade in grades.items() if document in passages]
        positives = tuple(passage for passage, grade in found if grade > 0)
        if positives and query in queries:
            negatives = tuple(passage for passage, grade in found if grade <= 0)
            yield TrainingRecord(
                query=queries[query], query_id=query, positives=positives, negatives=negatives
            )
