"""Training records and documents from what the user names: a file, ``FOLDER`` or ``FOLDER:SPLIT``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..connector.sources.opening import open_source
from ..errors import DocumentError, SourceError
from ..schemas.document import Document
from .data.open import TrainingData, open_training_data


def open_records(where: str) -> TrainingData:
    """``open_records("records.jsonl")``, ``open_records("scifact")``, ``open_records("scifact:train")``.

    Raises ``SourceError``, with the line, for what is no record, and for a place where nothing is.
    """
    folder, split = beir_place(where, "train")
    return open_training_data(folder or where, split=split)


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
