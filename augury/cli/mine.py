"""``augury mine``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .opening import open_for_search, parsed_filter, split_models
from .options import llm_options, search_options, server_options
from .settings import Settings
from .terminal import console, echo_json, json_option, plain, progress
from .training_file import opened, show_failures, training_file_options

if TYPE_CHECKING:
    from ..connector.index import Index
    from ..schemas.data_report import MiningReport
    from ..trainers.data.mine.asked import Asked
    from ..trainers.data.mine.candidate import Finder
    from ..trainers.data.mine.teacher import Teacher
    from ..trainers.data.open import TrainingData

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="Find hard negatives in an index.")
@click.argument("where", metavar="INDEX")
@click.option("--to", "output", required=True, type=_FILE, help="The training file to write or go on with.")
@click.option("--file", metavar="FILE", help="Queries with their positives: a training file.")
@click.option("--dataset", metavar="FOLDER[:SPLIT]|ID", help="Or a BEIR folder, or an id of ir_datasets.")
@click.option("--queries", type=_FILE, help="Or a file of queries, with --qrels.")
@click.option("--qrels", type=_FILE, help="Their judgements.")
@click.option(
    "--exclude-self/--keep-self", default=None, help="Whether a document with the query's own id is left out."
)
@click.option(
    "--from", "first", type=click.IntRange(1), default=1, show_default=True, help="First rank taken."
)
@click.option(
    "--to-rank",
    "last",
    type=click.IntRange(1, 10_000),
    default=100,
    show_default=True,
    help="Last rank taken.",
)
@click.option(
    "--citations",
    type=_FILE,
    help='Take what the positives cite instead of searching: {"id": "p1", "cites": ["p2"]} on each line.',
)
@click.option(
    "--negatives", type=click.IntRange(1), default=8, show_default=True, help="Most negatives of a query."
)
@click.option(
    "--pick",
    type=click.Choice(["top", "random"]),
    default="top",
    show_default=True,
    help="The best ranked of those that are left, or any.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="For --pick random.")
@click.option(
    "--margin",
    type=click.FloatRange(0),
    help="Drop what is not this much below the lowest positive's score  [default: with a teacher 0]",
)
@click.option(
    "--ratio",
    type=click.FloatRange(0, 1, min_open=True),
    help="Drop what is not below this share of the lowest positive's score, as 0.95.",
)
@click.option(
    "--teacher",
    metavar="MODEL|dense",
    help="Score every passage by a cross-encoder, or by the index's dense vectors, and judge by that.",
)
@training_file_options
@search_options
@llm_options
@server_options
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
@json_option
def mine(
    where: str,
    output: Path,
    first: int,
    last: int,
    citations: Path | None,
    negatives: int,
    pick: Any,
    seed: int,
    margin: float | None,
    ratio: float | None,
    teacher: str | None,
    clauses: tuple[str, ...],
    filter_json: str | None,
    quiet: bool,
    as_json: bool,
    **choices: Any,
) -> None:
    """Search INDEX for each query and take what it ranks high and is no answer as hard negatives.

    Left out are the positives and what is almost the same text, in whichever record of the file they answer
    the query; with --margin, --ratio or --teacher also what may be an answer that nobody judged. Run it again
    after an interruption: finished queries are skipped.

    \b
    augury mine my-index --file train.jsonl --to mined.jsonl --branches dense --from 11
    augury mine my-index --dataset scifact/ --split train --to mined.jsonl --teacher dense --ratio 0.95
    augury mine my-index --file train.jsonl --to mined.jsonl --teacher cross-encoder/ms-marco-MiniLM-L6-v2
    augury mine my-index --file train.jsonl --to mined.jsonl --citations citations.jsonl
    """
    from ..trainers.data.mine.mine import Miner
    from ..trainers.data.mine.mined_file import MinedFile
    from ..trainers.data.mine.options import MiningOptions

    if first > last:
        raise click.UsageError(f"--from {first} is after --to-rank {last}.")
    options = MiningOptions(negatives=negatives, pick=pick, margin=margin, ratio=ratio, seed=seed)
    named = {name: choices.pop(name) for name in ("file", "dataset", "queries", "qrels")}
    reading = {name: choices.pop(name) for name in (*_READING, "exclude_self")}
    asked, by_id, data = _asked(**named, **reading)
    models, searched = split_models(choices)
    settings = Settings(**searched, clauses=clauses, base_filter=parsed_filter(filter_json))
    made_with = {
        "index": where,
        "queries": {name: str(value) for name, value in named.items() if value},
        "ranks": None if citations else [first, last],
        "citations": citations and str(citations),
        "teacher": teacher,
        **options.model_dump(mode="json"),
        "search": settings.changed(),
        "models": {name: models[name] for name in ("hypencoder", "cross_encoder", "rules")},
    }
    with (
        open_for_search(where, settings, **models) as index,
        MinedFile(output, made_with, by_id=by_id) as file,
        progress("Mining", None, quiet=quiet or as_json) as advance,
    ):
        finder = _finder(index, settings, citations, first, last)
        miner = Miner(finder, options, _teacher(index, teacher))
        report = miner.run(asked, file, progress=lambda done, total: advance(done))
    report.output = str(output)
    if data:
        from ..trainers.data.read_counts import read_counts

        report.read = read_counts(data[-1])
    if as_json:
        echo_json(report.model_dump(mode="json"))
    else:
        _show(report)
    if report.failed or report.read.failed:
        raise SystemExit(1)


_READING = ("format", "split", "positives", "positive_type", "score_above", "positive_from")


def _asked(
    file: str | None,
    dataset: str | None,
    queries: Path | None,
    qrels: Path | None,
    exclude_self: bool | None,
    **reading: Any,
) -> tuple[Callable[[], Iterable[Asked]], bool, list[TrainingData]]:
    """What gives the queries, whether they are told apart by their ids, and the files that were read."""
    from ..trainers.data.mine.asked import asked_of_dataset, asked_of_records

    if file is None:
        from ..evaluation.dataset import open_dataset

        judged = open_dataset(
            dataset, split=reading["split"], queries=queries, qrels=qrels, exclude_self=exclude_self
        )
        return (lambda: asked_of_dataset(judged)), True, []
    if dataset or queries or qrels:
        raise click.UsageError("Both a training file and judgements were named. Give one of them.")
    read: list[TrainingData] = []

    def records() -> Iterable[Asked]:
        read.append(opened(file, **reading))
        return asked_of_records(read[-1])

    return records, False, read


def _finder(index: Index, settings: Settings, citations: Path | None, first: int, last: int) -> Finder:
    if citations is not None:
        from ..trainers.data.mine.citations import CitationFinder, read_citations

        return CitationFinder(index, read_citations(citations))
    from ..trainers.data.mine.search import SearchFinder

    return SearchFinder(index, settings.options(), first=first, last=last)


def _teacher(index: Index, name: str | None) -> Teacher | None:
    from ..trainers.data.mine.teacher import DENSE, CrossEncoderTeacher, DenseTeacher

    if name is None:
        return None
    if name == DENSE:
        return DenseTeacher(index)
    from ..models.cross_encoder import load_cross_encoder

    return CrossEncoderTeacher(load_cross_encoder(name))


def _show(report: MiningReport) -> None:
    out = console()
    out.print(
        f"[bold]{report.queries}[/] queries: {report.mined} mined, {report.unchanged} were finished before, "
        f"{report.failed} failed"
    )
    out.print(
        f"{report.negatives} negatives of {report.candidates} candidates; {report.left} more were left, "
        f"{sum(report.dropped.values())} dropped"
    )
    for reason, count in report.dropped.items():
        out.print(f"{count:>8} dropped: {plain(reason)}")
    if report.without_negatives:
        out.print(f"[yellow]note[/] {report.without_negatives} queries got no negative.")
    show_failures([failure.reason for failure in report.failures], report.failed)
    if report.read.failed:
        show_failures(report.read.failures, report.read.failed)
    for note in (*report.notes, *report.read.notes):
        out.print(f"[yellow]note[/] {plain(note)}")
    out.print(f"Written to {plain(report.output)}")
