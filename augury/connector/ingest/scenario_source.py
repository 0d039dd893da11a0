"""Where scenarios come from. A generator, a file or a service plugs in as a ``ScenarioSource``."""

from __future__ import annotations

import sqlite3
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from ...errors import ScenarioFileError
from ...schemas.document import Document, Passage, digest
from ...schemas.scenario import Scenario, ScenarioRecord

_KEPT_PROBLEMS = 100
_PAGE = 1000
_TOLD = 10

_TABLES = """
CREATE TABLE records (doc_id TEXT, line INTEGER, json TEXT, PRIMARY KEY (doc_id, line)) WITHOUT ROWID;
CREATE TABLE used (doc_id TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class ScenarioSource(Protocol):
    """What ingest asks for scenarios; its methods are called from several threads."""

    def fingerprint(self, document: Document) -> str:
        """Changes whenever this document's scenarios would; neither empty nor with a colon in it."""
        ...

    def scenarios(self, passages: Sequence[Passage]) -> list[list[Scenario] | None]:
        """One answer a passage: None where they could not be had, empty where there are none."""
        ...

    def notes(self) -> list[str]:
        """What the report should say of it: sentences."""
        ...

    def close(self) -> None:
        """Release files and connections. A second call does nothing."""
        ...


class ScenarioFile:
    """``ScenarioFile(Path("scenarios.jsonl"))``: SPIKE's JSON with a ``doc_id``, one object a line.

    Several lines may speak of one document, as one for each chunk or generator; they add up. The file is
    kept in a temporary SQLite file, not in memory. A line that cannot be used is told in ``problems`` and
    the others count.

    Attributes:
        problems: the first 100 lines that cannot be used, and why.
        problem_count: how many there are.

    Raises:
        ScenarioFileError: the file is not there, or is not UTF-8.
    """

    def __init__(self, path: Path) -> None:
        self.problems: list[ScenarioFileError] = []
        self.problem_count = 0
        self._stale = 0
        self._path = path
        self._lock = threading.Lock()
        self._db = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        try:
            self._db.execute("PRAGMA synchronous=OFF")
            self._db.executescript(_TABLES)
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO records VALUES (?, ?, ?)", self._read())
        except OSError as error:
            self._db.close()
            raise ScenarioFileError(
                f"{path} cannot be read: {error.strerror}", "Name a JSON Lines file of scenarios"
            ) from error
        except BaseException:
            self._db.close()
            raise

    def fingerprint(self, document: Document) -> str:
        """Covers the document's lines in the file, but not how they are formatted."""
        return digest(self._records(document.id))

    def scenarios(self, passages: Sequence[Passage]) -> list[list[Scenario] | None]:
        """Those of the passage's chunk and those of its whole document; None if the file has no line.

        Lines with a ``text_hash`` count only for the text that they were made from.
        """
        return [self._scenarios(passage) for passage in passages]

    def unused(self) -> Iterator[str]:
        """Ids of documents that the file speaks of and nobody asked for."""
        last, page = "", self._unused_after("")
        while page:
            yield from page
            last = page[-1]
            page = self._unused_after(last)

    def unused_count(self) -> int:
        """How many ids ``unused`` yields."""
        query = "SELECT count(DISTINCT doc_id) FROM records WHERE doc_id NOT IN (SELECT doc_id FROM used)"
        with self._lock:
            return int(self._db.execute(query).fetchone()[0])

    def notes(self) -> list[str]:
        """What a report should say of the file: lines left out, and documents nobody asked for."""
        told = [str(problem) for problem in self.problems[:_TOLD]]
        if self.problem_count > len(told):
            told.append(f"{self.problem_count - len(told)} more lines of {self._path} were left out.")
        if self._stale:
            told.append(
                f"The scenarios of {self._stale} passages in {self._path} were made from other text; make "
                "new ones, with the same --chunk options as the ingest."
            )
        if unused := self.unused_count():
            named = ", ".join(islice(self.unused(), _TOLD))
            told.append(
                f"{self._path} speaks of {unused} documents that the source does not have: "
                f"{named}{', ...' if unused > _TOLD else ''}."
            )
        return told

    def close(self) -> None:
        """Remove the temporary file."""
        with self._lock:
            self._db.close()

    def _read(self) -> Iterator[tuple[str, int, str]]:
        for number, record in read_records(self._path):
            if isinstance(record, ScenarioRecord):
                yield record.doc_id, number, record.model_dump_json(exclude={"information_needs", "text"})
                continue
            self.problem_count += 1
            if self.problem_count <= _KEPT_PROBLEMS:
                what = f"Line {number} of {self._path} is left out: {record.what.partition(': ')[2]}"
                self.problems.append(ScenarioFileError(what, record.fix))

    def _records(self, doc_id: str) -> list[str]:
        with self._lock:
            self._db.execute("INSERT OR IGNORE INTO used VALUES (?)", (doc_id,))
            rows = self._db.execute("SELECT json FROM records WHERE doc_id = ? ORDER BY line", (doc_id,))
            return [text for (text,) in rows]

    def _scenarios(self, passage: Passage) -> list[Scenario] | None:
        records = [ScenarioRecord.model_validate_json(text) for text in self._records(passage.doc_id)]
        mine = [record for record in records if record.chunk is None or record.chunk == passage.chunk]
        made = digest(passage.encoder_text)
        fitting = [record for record in mine if record.text_hash in ("", made)]
        if not fitting and (mine or not records or all(record.text_hash for record in records)):
            with self._lock:
                self._stale += bool(mine)
            return None
        return [scenario for record in fitting for scenario in record.scenarios()]

    def _unused_after(self, last: str) -> list[str]:
        query = (
            "SELECT DISTINCT doc_id FROM records WHERE doc_id > ? "
            "AND doc_id NOT IN (SELECT doc_id FROM used) ORDER BY doc_id LIMIT ?"
        )
        with self._lock:
            return [doc_id for (doc_id,) in self._db.execute(query, (last, _PAGE))]


def read_records(path: Path) -> Iterator[tuple[int, ScenarioRecord | ScenarioFileError]]:
    """``for number, record in read_records(Path("scenarios.jsonl"))``: each line that is not blank, or what
    is wrong with it.

    Raises:
        ScenarioFileError: the file is not UTF-8.
        OSError: it cannot be read.
    """
    with path.open("rb") as lines:
        for number, raw in enumerate(lines, start=1):
            try:
                line = raw.decode().removeprefix("\ufeff").strip()
            except UnicodeDecodeError as error:
                raise ScenarioFileError(
                    f"Line {number} of {path} is not UTF-8 ({error.reason})", "Save the file as UTF-8"
                ) from error
            if not line:
                continue
            try:
                yield number, ScenarioRecord.model_validate_json(line)
            except ValidationError as error:
                first = error.errors(include_url=False, include_context=False, include_input=False)[0]
                where = ".".join(map(str, first["loc"]))
                what = f"{where}: {first['msg']}" if where else first["msg"]
                fix = 'Write {"doc_id": "...", "explanation": [{"information_need": "..."}]} on each line'
                yield number, ScenarioFileError(f"Line {number} of {path} is no scenario record: {what}", fix)


def clean(scenario: Scenario, max_chars: int) -> Scenario | None:
    """The scenario without control and invisible characters, each field of at most ``max_chars``,
    the key points together.

    Zero-width and bidirectional marks can hide planted text from a reader. None when no need is left.
    """
    need = _clean(scenario.need, max_chars)
    if not need:
        return None
    return scenario.model_copy(
        update={
            "need": need,
            "explanation": _clean(scenario.explanation, max_chars),
            "topic": _clean(scenario.topic, max_chars),
            "key_points": _clean_points(scenario.key_points, max_chars),
        }
    )


def _clean_points(points: tuple[str, ...], max_chars: int) -> tuple[str, ...]:
    kept: list[str] = []
    for point in points:
        if cleaned := _clean(point, max_chars):
            kept.append(cleaned)
            max_chars -= len(cleaned)
    return tuple(kept)


def _clean(text: str, max_chars: int) -> str:
    visible = (
        char for char in text if char.isspace() or unicodedata.category(char) not in ("Cc", "Cf", "Cs")
    )
    return " ".join("".join(visible).split())[:max_chars].rstrip()
