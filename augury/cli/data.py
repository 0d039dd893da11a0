"""``augury data``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .tables import print_table
from .terminal import console, echo_json, json_option, plain, progress
from .training_file import line_count, opened, show_read, training_file_options

if TYPE_CHECKING:
    from ..schemas.data_report import Spread, StatsReport

_QUIET = click.option("--quiet", "-q", is_flag=True, help="No progress bar.")


@click.group(short_help="Read, check and split training data.")
def data() -> None:
    """Read, check and split training data: a query with what answers it and what does not.

    FILE is JSON Lines, a JSON array, CSV, TSV or Parquet in one of the usual formats, which is told by its
    content, or a folder in BEIR layout: see docs/data.md.
    """


@data.command(short_help="Any format into this project's own.")
@click.argument("file")
@click.option(
    "--to",
    "output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write, as JSON Lines.",
)
@training_file_options
@_QUIET
@json_option
def convert(file: str, output: Path, quiet: bool, as_json: bool, **choices: Any) -> None:
    """Write the records of FILE as one JSON object a line. Rows that cannot be used are told with their line
    and left out; the command then ends with 1.

    \b
    augury data convert biencoder-nq-train.json --to train.jsonl
    augury data convert scifact/ --split train --to train.jsonl
    augury data convert hypencoder.jsonl --positives score --score-above 3 --to train.jsonl
    """
    from ..trainers.data.convert import convert as converted

    with progress("Converting", line_count(file), quiet=quiet or as_json) as advance:
        report = converted(opened(file, **choices), output, progress=advance)
    if as_json:
        echo_json(report.model_dump(mode="json"))
    else:
        show_read(report.read)
        console().print(f"Written to {plain(str(output))}")
    if report.read.failed:
        raise SystemExit(1)


@data.command(short_help="What a training file holds, and what may be wrong with it.")
@click.argument("file")
@training_file_options
@_QUIET
@json_option
def stats(file: str, quiet: bool, as_json: bool, **choices: Any) -> None:
    """Count queries, positives and negatives, their words and teacher scores, duplicates, and passages that
    are a positive and a negative of the same query.

    \b
    augury data stats train.jsonl
    augury data stats train.jsonl --json
    """
    from ..trainers.data.stats import stats as counted

    with progress("Reading", line_count(file), quiet=quiet or as_json) as advance:
        report = counted(opened(file, **choices), progress=advance)
    if as_json:
        echo_json(report.model_dump(mode="json"))
    else:
        show_read(report.read)
        _show_stats(report)


@data.command(short_help="Training, development and test data without a common query.")
@click.argument("file")
@click.option(
    "--to",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for train.jsonl, dev.jsonl and test.jsonl.",
)
@click.option(
    "--shares",
    nargs=3,
    type=click.FloatRange(0),
    default=(80, 10, 10),
    show_default=True,
    metavar="TRAIN DEV TEST",
    help="How the records are shared out.",
)
@click.option(
    "--similarity",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.8,
    show_default=True,
    help="Jaccard similarity of character trigrams from which on two queries stay together.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Another one gives another split.")
@training_file_options
@_QUIET
@json_option
def split(
    file: str,
    folder: Path,
    shares: tuple[float, float, float],
    similarity: float,
    seed: int,
    quiet: bool,
    as_json: bool,
    **choices: Any,
) -> None:
    """Share FILE out by query: queries that are equal or almost equal go to one side only. The same queries
    are shared out in the same way whatever their order.

    \b
    augury data split all.jsonl --to parts
    augury data split all.jsonl --to parts --shares 90 5 5 --seed 1
    """
    from ..trainers.data.split import split as parted

    lines = line_count(file)
    with progress("Splitting", lines and 2 * lines, quiet=quiet or as_json) as advance:
        report = parted(
            lambda: opened(file, **choices),
            folder,
            shares=shares,
            threshold=similarity,
            seed=seed,
            progress=advance,
        )
    if as_json:
        echo_json(report.model_dump(mode="json"))
    else:
        show_read(report.read)
        out = console()
        out.print(
            f"{report.queries} queries, {report.near_duplicates} of them almost equal to another: "
            f"{report.groups} groups"
        )
        for side, records in report.sides.items():
            out.print(f"{records:>8} {side}: {plain(report.files[side])}")
    if report.read.failed:
        raise SystemExit(1)


def _show_stats(report: StatsReport) -> None:
    out = console()
    out.print(f"{report.queries} queries; {report.repeated_queries} records repeat an earlier one's query")
    rows = [
        _row("positives of a record", report.positives),
        _row("negatives of a record", report.negatives),
        *(_row(f"words of {name}", found) for name, found in report.words.items()),
        *(_row(f"teacher scores of {name}", found) for name, found in report.scores.items()),
    ]
    print_table(
        ["", "count", "mean", "p50", "p95", "min", "max"], [row for row in rows if row[1] != "0"], text=(0,)
    )
    for count, what in (
        (report.duplicate_records, "records say the same as an earlier one"),
        (report.contradictions, "passages are a positive and a negative of the same query"),
        (report.doubtful_negatives, "negatives are at or above a positive by the teacher's score"),
        (report.without_negatives, "records have no negative"),
    ):
        if count:
            out.print(f"[yellow]note[/] {count} {what}.")


def _row(name: str, found: Spread) -> list[str]:
    numbers = (found.mean, found.p50, found.p95, found.min, found.max)
    return [name, str(found.count), *(f"{number:.4g}" for number in numbers)]
