"""The running count of an ingest: every document that was read ends in exactly one place."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Literal

from ...errors import AuguryError, DocumentError
from ...schemas.document import Document
from ...schemas.report import Failure, IngestReport

OnError = Literal["continue", "stop"]

_KEPT_FAILURES = 100


class Tally:
    """Counts from several threads, writes dead letters, and makes the report.

    Args:
        on_error: ``stop`` raises the first failure instead of going on.
        dead_letters: a JSON Lines file for what failed; made only when something does.
        progress: called with the report after every change.
    """

    def __init__(
        self,
        *,
        on_error: OnError = "continue",
        dead_letters: Path | None = None,
        progress: Callable[[IngestReport], None] | None = None,
    ) -> None:
        self.report = IngestReport()
        self._on_error = on_error
        self._path = dead_letters
        if dead_letters is not None and dead_letters.is_file():
            dead_letters.unlink()  # of an earlier run
        self._file: IO[str] | None = None
        self._progress = progress
        self._lock = threading.Lock()
        self._started = time.perf_counter()

    def read(self) -> None:
        """A document, or what should have been one, was read."""
        with self._lock:
            self.report.documents.read += 1

    def unchanged(self) -> None:
        """The index already holds the document as it is."""
        with self._lock:
            self.report.documents.unchanged += 1
        self._tell()

    def written(self) -> None:
        """Every passage of the document is in the index."""
        with self._lock:
            self.report.documents.written += 1
        self._tell()

    def add(self, *, passages: int = 0, passages_deleted: int = 0, documents_deleted: int = 0) -> None:
        """Passages were written, or passages and documents deleted."""
        with self._lock:
            self.report.passages.written += passages
            self.report.passages.deleted += passages_deleted
            self.report.documents.deleted += documents_deleted

    def scenarios(self, *, written: int = 0, dropped: int = 0, missing: int = 0, none: int = 0) -> None:
        """Scenarios were written or dropped, or a passage has none that should have some."""
        with self._lock:
            self.report.scenarios.written += written
            self.report.scenarios.dropped += dropped
            self.report.scenarios.missing += missing
            self.report.scenarios.none += none

    def failed(self, error: AuguryError, document: Document | None = None) -> None:
        """A document cannot be ingested. Raises ``error`` when the run is to stop at the first one."""
        doc_id = document.id if document else getattr(error, "doc_id", None)
        source = document.source if document else getattr(error, "source", "")
        failure = Failure(doc_id=doc_id, source=source, reason=str(error))
        with self._lock:
            self.report.documents.failed += 1
            if len(self.report.failures) < _KEPT_FAILURES:
                self.report.failures.append(failure)
            self._bury(failure, document)
        self._tell()
        if self._on_error == "stop":
            if isinstance(error, DocumentError):
                raise error
            raise DocumentError(error.what, error.fix, doc_id=doc_id, source=source) from error

    def note(self, sentence: str) -> None:
        """Something the user should know that is no failure."""
        with self._lock:
            self.report.notes.append(sentence)

    def finish(self, stage_seconds: dict[str, float]) -> IngestReport:
        """Close the dead letters and fill in the times."""
        with self._lock:
            if self._file:
                self._file.close()
                self._file = None
            report = self.report
            report.seconds = round(time.perf_counter() - self._started, 3)
            report.stage_seconds = {name: round(spent, 3) for name, spent in stage_seconds.items()}
            report.documents_per_second = round(report.documents.read / max(report.seconds, 1e-9), 2)
            return report

    def _bury(self, failure: Failure, document: Document | None) -> None:
        if self._path is None:
            return
        try:
            letter = {**failure.model_dump(), "document": vars(document) if document else None}
            if self._file is None:
                self._file = self._path.open("w", encoding="utf-8", errors="backslashreplace")
                self.report.dead_letters = str(self._path)
            self._file.write(_line(letter))
            self._file.flush()
        except OSError as error:
            self.report.notes.append(
                f"Dead letters cannot be written to {self._path} ({error.strerror}); "
                "the first 100 failures are in the report."
            )
            self._path = None

    def _tell(self) -> None:
        if self._progress:
            self._progress(self.report)


def _line(letter: dict[str, Any]) -> str:
    try:
        return json.dumps(letter, ensure_ascii=False, default=repr) + "\n"
    except (ValueError, RecursionError):  # metadata that holds itself
        return json.dumps({**letter, "document": None}, ensure_ascii=False) + "\n"
