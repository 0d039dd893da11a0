"""The front door to training data: ``for record in open_training_data("train.jsonl"): ...``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal, Self, get_args

from ...connector.sources.beir import corpus_of
from ...connector.sources.source import Row as SourceRow
from ...errors import DocumentError, SourceError, TrainingDataError, UsageError
from ...schemas.training import TrainingRecord
from .beir import Read, read_beir
from .formats.dpr import DPR
from .formats.expandr import EXPANDR
from .formats.gedank import GEDANK, GEDANK_TABLE
from .formats.hypencoder import PositiveItems, hypencoder
from .formats.own import OWN
from .formats.row_format import Parts, RowFormat
from .formats.scored_pairs import POSITIVE_FROM, scored_pairs
from .formats.snu import SNU
from .formats.triplets import TRIPLETS
from .rows import read_rows

TrainingFormat = Literal[
    "own",
    "dpr",
    "snu",
    "gedank",
    "gedank-table",
    "expandr",
    "hypencoder",
    "pairs",
    "triplets",
    "beir",
]
"""The formats, in the order in which they are tried on a file's first row."""

OnError = Literal["stop", "continue"]

_KEPT_FAILURES = 100
_LOOKED_AT = 100


def open_training_data(
    path: str | Path,
    format: TrainingFormat | None = None,
    *,
    split: str = "train",
    positives: PositiveItems | None = None,
    positive_from: float = POSITIVE_FROM,
    on_error: OnError = "stop",
) -> TrainingData:
    """``open_training_data("train.jsonl")`` is an iterator of ``TrainingRecord``; it holds no file in memory.

    Args:
        path: a file (JSON Lines, a JSON array, CSV, TSV, Parquet), or a folder in BEIR layout.
        format: what is in it; None goes by the first row.
        split: which judgements of a BEIR folder.
        positives: which items of a Hypencoder record are positives; by default the first.
        positive_from: from this score or label on, the passage of a pair answers its query.
        on_error: what a record that cannot be used does: ``stop`` raises its error, ``continue`` counts it.

    Raises:
        SourceError: there is no such file, it is empty, or its format is not known.
        TrainingDataError: while iterating, with its line, for a record that cannot be used.
    """
    if format is not None and format not in get_args(TrainingFormat):
        raise UsageError(
            f"There is no format {format!r}", f"Use one of: {', '.join(get_args(TrainingFormat))}"
        )
    place = Path(path).expanduser()
    notes: list[str] = []
    if format == "beir" or (format is None and place.is_dir()):
        if corpus_of(place) is None:
            raise SourceError(
                f"{place} is no folder in BEIR layout", "Name a folder with corpus.jsonl and qrels"
            )
        return TrainingData("beir", read_beir(place, split, notes), notes, on_error)
    formats = _formats(positives or PositiveItems(), positive_from)
    chosen = formats[format] if format else _detected(place, list(formats.values()))
    return TrainingData(chosen.name, _records(read_rows(place), chosen), notes, on_error)


class TrainingData(Iterator[TrainingRecord]):
    """An iterator of records that keeps count; ``open_training_data`` makes one.

    Attributes:
        format: what the file is.
        rows: rows read so far, or judged queries of a BEIR folder: ``used + failed``.
        used: those that are in a record.
        records: records given so far.
        failed: rows that cannot be used.
        failures: why, a sentence each, of the first 100.
        notes: what else may be worth knowing.
    """

    def __init__(self, format: str, read: Iterator[Read], notes: list[str], on_error: OnError) -> None:
        self.format = format
        self.rows = self.used = self.records = self.failed = 0
        self.failures: list[str] = []
        self.notes = notes
        self._read = read
        self._on_error = on_error

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> TrainingRecord:
        for rows, found in self._read:
            self.rows += rows
            if isinstance(found, TrainingRecord):
                self.used += rows
                self.records += 1
                return found
            self.failed += rows
            if len(self.failures) < _KEPT_FAILURES:
                self.failures.append(str(found))
            if self._on_error == "stop":
                raise found
        raise StopIteration


def _formats(positives: PositiveItems, positive_from: float) -> dict[str, RowFormat]:
    known = (
        OWN,
        DPR,
        SNU,
        GEDANK,
        GEDANK_TABLE,
        EXPANDR,
        hypencoder(positives),
        scored_pairs(positive_from),
        TRIPLETS,
    )
    return {each.name: each for each in known}


def _detected(path: Path, formats: list[RowFormat]) -> RowFormat:
    """The format of the first row that can be read."""
    problem: DocumentError | None = None
    for row in islice(read_rows(path), _LOOKED_AT):
        if isinstance(row, DocumentError):
            problem = problem or row
            continue
        found = next((each for each in formats if each.fits(row[1])), None)
        if found is not None:
            return found
        fields = ", ".join(map(repr, list(row[1])[:12]))
        raise SourceError(
            f"{row[0]} is of no known format; its fields are: {fields}",
            f"Name the format with --format, one of: {', '.join(each.name for each in formats)}",
        )
    if problem is not None:
        raise SourceError(problem.what, problem.fix)
    raise SourceError(f"{path} holds no training data", f"Write it as {formats[0].shape} on each line")


def _records(rows: Iterator[SourceRow], format: RowFormat) -> Iterator[Read]:
    """Records from rows; where the format merges, those of one query that follow each other are one."""
    held: tuple[str, int, Parts] | None = None
    for row in rows:
        if isinstance(row, DocumentError):
            yield 1, TrainingDataError(row.what, row.fix, source=row.source)
            continue
        place, fields = row
        try:
            parts = format.parts(fields)
        except (ValueError, KeyError, RecursionError) as error:
            yield 1, _unusable(place, format, error)
            continue
        if not format.merges:
            yield _finished(place, 1, parts, format)
            continue
        if held and (held[2].query, held[2].query_id) == (parts.query, parts.query_id):
            held = (held[0], held[1] + 1, held[2].with_more(parts))
            continue
        if held:
            yield _finished(*held, format)
        held = (place, 1, parts)
    if held:
        yield _finished(*held, format)


def _finished(place: str, rows: int, parts: Parts, format: RowFormat) -> Read:
    try:
        return rows, parts.record()
    except ValueError as error:
        return rows, _unusable(place, format, error)


def _unusable(place: str, format: RowFormat, error: Exception) -> TrainingDataError:
    reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
    return TrainingDataError(
        f"{place} cannot be used as {format.name} data: {reason}", f"Write it as {format.shape}", source=place
    )
