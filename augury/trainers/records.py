"""Training records and documents from what the user names: a file, ``FOLDER`` or ``FOLDER:SPLIT``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..connector.sources.opening import open_source
from ..errors import DocumentError
from ..evaluation.beir import beir_place
from ..schemas.document import Document
from .data.open import TrainingData, open_training_data


def open_records(where: str) -> TrainingData:
    """``open_records("records.jsonl")``, ``open_records("scifact")``, ``open_records("scifact:train")``.

    Raises ``SourceError``, with the line, for what is no record, and for a place where nothing is.
    """
    folder, split = beir_place(where, "train")
    return open_training_data(folder or where, split=split)


def beir_corpus(folder: Path, notes: list[str] | None = None) -> Iterator[Document]:
    """Every document of a BEIR folder; a line that is none is left out, and told of in ``notes``."""
    left: list[str] = []
    for item in open_source(str(folder), format="beir"):
        if isinstance(item, DocumentError):
            left.append(item.what)
        else:
            yield item
    if left and notes is not None:
        notes.append(f"Documents that cannot be read and are left out: {len(left)}, such as {left[0]}")
