"""The options by which a training file is read, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .terminal import console, plain

if TYPE_CHECKING:
    from ..schemas.data_report import ReadCounts
    from ..trainers.data.open import TrainingData

F = TypeVar("F", bound=Callable[..., Any])

_FORMATS = (
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
)
TOLD = 10


def training_file_options(command: F) -> F:
    """How a training file is read: ``format``, ``split``, ``positives``, ``positive_type``, ``score_above``,
    ``positive_from``."""
    for option in reversed(
        (
            click.option(
                "--format", type=click.Choice(_FORMATS), help="What is in the file  [default: by its content]"
            ),
            click.option(
                "--split",
                default="train",
                show_default=True,
                help="Which judgements of a folder in BEIR layout.",
            ),
            click.option(
                "--positives",
                type=click.Choice(["first", "type", "score"]),
                default="first",
                show_default=True,
                help="Which items of a Hypencoder record are positives.",
            ),
            click.option(
                "--positive-type", default="positive", show_default=True, help="For --positives type."
            ),
            click.option(
                "--score-above", type=float, default=0.0, show_default=True, help="For --positives score."
            ),
            click.option(
                "--positive-from",
                type=float,
                default=0.5,
                show_default=True,
                help="Score or label from which on a pair's passage is a positive.",
            ),
        )
    ):
        command = option(command)
    return command


def opened(
    path: str,
    *,
    format: Any,
    split: str,
    positives: Any,
    positive_type: str,
    score_above: float,
    positive_from: float,
) -> TrainingData:
    """The file, read to its end whatever is wrong with some of its records."""
    from ..trainers.data.formats.hypencoder import PositiveItems
    from ..trainers.data.open import open_training_data

    return open_training_data(
        path,
        format,
        split=split,
        positives=PositiveItems(positives, score_above, positive_type),
        positive_from=positive_from,
        on_error="continue",
    )


def line_count(path: str) -> int | None:
    """Lines of a file as the length of a progress bar; None where lines are not rows."""
    from ..connector.sources.text_file import count_lines

    place = Path(path)
    return count_lines(place) if place.suffix.lower() in (".jsonl", ".csv", ".tsv") else None


def show_read(read: ReadCounts) -> None:
    """What was read, for a person."""
    out = console()
    failed = f"; {read.failed} failed" if read.failed else ""
    out.print(f"[bold]{read.records}[/] records of {read.used} rows ({plain(read.format)}){failed}")
    show_failures(read.failures, read.failed)
    for note in read.notes:
        out.print(f"[yellow]note[/] {plain(note)}")


def show_failures(failures: list[str], total: int) -> None:
    """The first failures, and how many more there are."""
    out = console()
    for failure in failures[:TOLD]:
        out.print(f"[red]failed[/] {plain(failure)}")
    if total > min(TOLD, len(failures)):
        out.print(f"... and {total - min(TOLD, len(failures))} more")
