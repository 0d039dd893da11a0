"""``augury generate preferences`` and ``augury generate expansions``: training data for query expansion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .generate_training import LLM_CHOICES, generation_profile, quiet_option, to_option, told
from .ingest import show_usage
from .options import branches_option, connection, llm_options, server_options, set_given
from .terminal import console, echo_json, json_option, plain, progress
from .training_file import line_count, opened, show_failures, training_file_options

if TYPE_CHECKING:
    from ..evaluation.dataset import Dataset
    from ..schemas.data_report import PreferenceReport
    from ..trainers.data.open import TrainingData


def _read_numbers(_: click.Context, __: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    if value is None:
        return None
    try:
        return tuple(float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter("Write numbers with commas between: 0.8,1.0") from None


@click.command(short_help="Pairs of expansions, one better than the other, to train an expander on.")
@click.argument("data")
@to_option
@click.option("--index", metavar="INDEX", help="Where expansions are searched with.")
@click.option(
    "--reward",
    type=click.Choice(["retrieval", "published", "both"]),
    help="What an expansion is worth: where a search with it finds the relevant document, how near it is to "
    "that document and an answer (ExpandR), or both added up  [default: retrieval with --index, otherwise "
    "published]",
)
@click.option("--measure", metavar="NAME", help="Of the search: RR, nDCG@10 or another  [default: RR]")
@branches_option
@click.option(
    "--query-weight",
    type=click.FloatRange(0, 1, max_open=True),
    help="The query's share of the vector that is searched with  [default: the index's]",
)
@click.option("--samples", type=click.IntRange(1, 64), help="Expansions of each temperature  [default: 8]")
@click.option(
    "--temperatures",
    callback=_read_numbers,
    metavar="NUMBER,...",
    help="At which they are drawn  [default: 0.8,0.9,1.0,1.1]",
)
@click.option("--seed", type=int, help="Sent with each request, one more from draw to draw  [default: none]")
@click.option(
    "--answers/--no-answers",
    default=None,
    help="Compare also with an answer that the LLM writes from the relevant document  [default: where the "
    "published reward counts]",
)
@click.option(
    "--margin", type=click.FloatRange(0), help="How much more the better one must be worth  [default: 0.1]"
)
@click.option(
    "--threshold",
    type=float,
    help="Where the published reward counts: least similarity of the best one to document and answer, added "
    "up  [default: 0.6]",
)
@click.option(
    "--queries", type=click.IntRange(1), metavar="N", help="So many of the queries, drawn at random."
)
@click.option("--dense", metavar="MODEL", help="By whom similarities are judged  [default: the index's]")
@click.option(
    "--exclude-self/--keep-self",
    default=None,
    help="Whether a document with the query's own id is left out  [default: where arguana is in the name]",
)
@training_file_options
@llm_options
@server_options
@quiet_option
@json_option
def preferences(
    data: str, output: Path, exclude_self: bool | None, quiet: bool, as_json: bool, **choices: Any
) -> None:
    """Have an LLM expand each query of DATA many times, and pair the expansion that is worth most with the
    one that is worth least. DATA is a training file, or a folder in BEIR layout as FOLDER or FOLDER:SPLIT.

    Queries are asked as a search with --expand llm asks them. Run it again after an interruption: finished
    queries are not asked again.

    \b
    augury generate preferences scifact:train --to pairs.jsonl --index my-index --llm-url http://localhost:8000/v1
    augury generate preferences train.jsonl --to pairs.jsonl --index my-index --measure nDCG@10 --queries 500
    augury generate preferences train.jsonl --to pairs.jsonl --reward published --dense starter:minilm
    """
    from ..trainers.data.preferences.options import PreferenceOptions
    from ..trainers.data.preferences.run import make_preferences
    from ..trainers.data.read_counts import read_counts

    llm = generation_profile(*(choices.pop(name) for name in LLM_CHOICES)).llm
    named: dict[str, Any] = {}
    set_given(named, **{name: choices.pop(name) for name in PreferenceOptions.model_fields})
    options = PreferenceOptions(**named)
    records, dataset = _read(data, exclude_self, **choices)
    with progress("Sampling", None, quiet=quiet or as_json) as advance:
        report = make_preferences(
            records,
            output,
            options,
            llm,
            dataset=dataset,
            exclude_self=bool(exclude_self),
            connection=connection(),
            progress=lambda done, total: advance(done),
        )
    report.read = read_counts(records)
    if as_json:
        echo_json(report.model_dump(mode="json"))
    else:
        _show(report)
    if report.failed or report.read.failed:
        raise SystemExit(1)


@click.command(short_help="Expansions of training queries.")
@click.argument("data")
@to_option
@click.option(
    "--passages", type=click.IntRange(1, 32), default=1, show_default=True, help="Expansions of each query."
)
@training_file_options
@llm_options
@quiet_option
@json_option
def expansions(data: str, output: Path, passages: int, quiet: bool, as_json: bool, **choices: Any) -> None:
    """Write the records of DATA with expansions of their queries, as a search with --expand llm has them, to
    train an encoder on. DATA is a training file, or a folder in BEIR layout as FOLDER or FOLDER:SPLIT.

    Run it again after an interruption: answers that had come are in the cache and cost nothing.

    \b
    augury generate expansions scifact:train --to expanded.jsonl --llm-url http://localhost:8000/v1
    augury train dense expanded.jsonl --to my-model --preset expandr
    """
    from ..evaluation.beir import beir_place
    from ..models.llm.client import LlmClient
    from ..schemas.expansion import ExpansionProfile
    from ..trainers.data.generate_expansions import ExpansionWriter

    llm_profile = generation_profile(*(choices.pop(name) for name in LLM_CHOICES)).llm
    folder, split = beir_place(data, choices.pop("split"))
    records = opened(str(folder or data), split=split, **choices)
    with (
        LlmClient.with_cache(llm_profile) as llm,
        progress("Generating", None if folder else line_count(data), quiet=quiet or as_json) as advance,
    ):
        writer = ExpansionWriter(llm, ExpansionProfile(passages=passages))
        report = writer.run(records, output, progress=advance)
    told(report, "records", "expansions", as_json=as_json)


def _read(
    data: str, exclude_self: bool | None, split: str, **reading: Any
) -> tuple[TrainingData, Dataset | None]:
    """The records; of a folder in BEIR layout its judgements too."""
    from ..evaluation.beir import beir_place
    from ..evaluation.dataset import open_dataset

    folder, split = beir_place(data, split)
    dataset = open_dataset(folder, split=split, exclude_self=exclude_self) if folder else None
    return opened(str(folder or data), split=split, **reading), dataset


def _show(report: PreferenceReport) -> None:
    out = console()
    out.print(
        f"[bold]{report.queries}[/] queries: {report.pairs} pairs, "
        f"{sum(report.without_pair.values())} without one, {report.failed} failed; "
        f"{report.unchanged} were finished before"
    )
    for reason, count in report.without_pair.items():
        out.print(f"{count:>8} without a pair: {plain(reason)}")
    out.print(
        f"{report.samples} expansions asked for: {report.unusable} came to nothing, {report.alike} said the "
        "same as another"
    )
    if report.measure:
        out.print(
            f"{plain(report.measure)} of the queries as they are {report.plain:.4f}; expanded by any sample "
            f"{report.expanded:.4f}, by the best {report.best:.4f}, by the worst {report.worst:.4f}"
        )
    if report.pairs:
        out.print(
            f"Rewards of the pairs: {report.chosen_reward:.4f} chosen, {report.rejected_reward:.4f} rejected"
        )
    if report.llm:
        show_usage(report.llm)
    show_failures([failure.reason for failure in report.failures], report.failed)
    show_failures(report.read.failures, report.read.failed)
    for note in (*report.notes, *report.read.notes):
        out.print(f"[yellow]note[/] {plain(note)}")
    out.print(f"Written to {plain(report.output)}")
    if report.failed:
        out.print("Run it again to ask for what failed; the rest is finished.")
    elif report.pairs:
        out.print(f"Use it: augury train expander {plain(report.output)} --to my-expander")
