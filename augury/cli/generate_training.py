"""``augury generate queries`` and ``augury generate negatives``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .ingest import show_usage
from .options import (
    chunk_options,
    connection,
    llm_options,
    server_options,
    set_chunk,
    set_llm,
    source_options,
)
from .terminal import console, echo_json, json_option, plain, progress
from .training_file import line_count, opened, show_failures, training_file_options

if TYPE_CHECKING:
    from ..schemas.data_report import GenerationReport
    from ..schemas.profile import Profile

_KINDS = ("keyword", "question", "problem", "claim", "conversational")
_STRATEGIES = ("topical-shift", "entity", "temporal", "scope", "premise", "perspective")
to_option = click.option(
    "--to",
    "output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The training file to write, as JSON Lines.",
)
LLM_CHOICES = ("llm_url", "llm_model", "llm_concurrency", "llm_timeout")
quiet_option = click.option("--quiet", "-q", is_flag=True, help="No progress bar.")


@click.command(short_help="Queries that the passages of an index or a source answer.")
@click.argument("where", metavar="INDEX|SOURCE")
@to_option
@click.option(
    "--kinds",
    default=",".join(_KINDS),
    show_default=True,
    metavar="NAME,...",
    help="Which kinds of query to ask for each passage.",
)
@source_options
@chunk_options
@llm_options
@server_options
@quiet_option
@json_option
def queries(
    where: str,
    output: Path,
    kinds: str,
    id_field: str | None,
    text_field: str | None,
    title_field: str | None,
    kind: Any,
    encoding: str,
    quiet: bool,
    as_json: bool,
    **choices: Any,
) -> None:
    """Have an LLM write queries for passages, as training data: one record a query, with the passage as its
    positive. Passages come from an index as they are, from a SOURCE as ingest would cut them.

    Run it again after an interruption: answers that had come are in the cache and cost nothing.

    \b
    augury generate queries my-index --to queries.jsonl --llm-url http://localhost:8000/v1
    augury generate queries docs/ --to queries.jsonl --kinds keyword,question
    """
    from ..connector.sources import Fields, open_source
    from ..connector.store.locate import holds_index, open_store
    from ..models.llm.client import LlmClient
    from ..trainers.data.generate_queries import QueryWriter
    from ..trainers.data.passages import passages_of_index, passages_of_source

    wanted: Any = [name.strip() for name in kinds.split(",") if name.strip()]
    if not wanted or not set(wanted) <= set(_KINDS):
        raise click.UsageError(f"--kinds takes any of {', '.join(_KINDS)} with commas between.")
    profile = generation_profile(**choices)
    with ExitStack() as stack:
        passages: Any
        if holds_index(where):
            store = open_store(where, create=False, connection=connection())
            stack.callback(store.close)
            passages, total = passages_of_index(store), store.count()
        else:
            fields = Fields(id=id_field, text=text_field, title=title_field)
            source = open_source(where, fields=fields, encoding=encoding, format=kind)
            passages, total = passages_of_source(source, profile.chunk), None
        llm = stack.enter_context(LlmClient.with_cache(profile.llm))
        advance = stack.enter_context(progress("Generating", total, quiet=quiet or as_json))
        report = QueryWriter(llm, wanted).run(passages, output, progress=advance)
    told(report, "passages", "queries", as_json=as_json)


@click.command(short_help="Passages that look like an answer and are none.")
@click.argument("file")
@to_option
@click.option(
    "--per-record", type=click.IntRange(1, 6), default=2, show_default=True, help="Passages for each record."
)
@click.option(
    "--strategies",
    default=",".join(_STRATEGIES),
    show_default=True,
    metavar="NAME,...",
    help="In what the passages may miss the query.",
)
@training_file_options
@llm_options
@quiet_option
@json_option
def negatives(
    file: str,
    output: Path,
    per_record: int,
    strategies: str,
    quiet: bool,
    as_json: bool,
    **choices: Any,
) -> None:
    """Write the records of a training FILE with negatives that an LLM wrote. What it does not answer adds
    nothing; what is like a positive is thrown away.

    Run it again after an interruption: answers that had come are in the cache and cost nothing.

    \b
    augury generate negatives train.jsonl --to harder.jsonl --llm-url http://localhost:8000/v1
    augury generate negatives train.jsonl --to harder.jsonl --per-record 1 --strategies entity,temporal
    """
    from ..models.llm.client import LlmClient
    from ..trainers.data.generate_negatives import NegativeWriter

    wanted: Any = [name.strip() for name in strategies.split(",") if name.strip()]
    if not wanted or not set(wanted) <= set(_STRATEGIES):
        raise click.UsageError(f"--strategies takes any of {', '.join(_STRATEGIES)} with commas between.")
    profile = generation_profile(*(choices.pop(name) for name in LLM_CHOICES))
    records = opened(file, **choices)
    with (
        LlmClient.with_cache(profile.llm) as llm,
        progress("Generating", line_count(file), quiet=quiet or as_json) as advance,
    ):
        writer = NegativeWriter(llm, per_record=per_record, strategies=wanted)
        report = writer.run(records, output, progress=advance)
    told(report, "records", "negatives", as_json=as_json)


def generation_profile(
    llm_url: str | None,
    llm_model: str | None,
    llm_concurrency: int | None,
    llm_timeout: float | None,
    **chunk: Any,
) -> Profile:
    """The default profile with what the command line says of the LLM and of cutting."""
    from ..schemas.profile import Profile

    changes = Profile().model_dump()
    set_llm(changes, llm_url, llm_model, llm_concurrency, llm_timeout)
    if chunk:
        set_chunk(changes, **chunk)
    return Profile.model_validate(changes)


def told(report: GenerationReport, read: str, made: str, *, as_json: bool) -> None:
    """The report, and the exit code."""
    if as_json:
        echo_json(report.model_dump(mode="json"))
    else:
        _show_generation(report, read, made)
    if report.failed or report.unreadable:
        raise SystemExit(1)


def _show_generation(report: GenerationReport, read: str, made: str) -> None:
    out = console()
    unreadable = f", {report.unreadable} unreadable" if report.unreadable else ""
    out.print(f"[bold]{report.read}[/] {read} read, {report.skipped} skipped as noise{unreadable}")
    out.print(
        f"{report.made} {made} made of {report.asked} asked for: {sum(report.dropped.values())} dropped, "
        f"{report.failed} failed"
    )
    for reason, count in report.dropped.items():
        out.print(f"{count:>8} dropped: {plain(reason)}")
    if report.llm:
        show_usage(report.llm)
    show_failures([failure.reason for failure in report.failures], len(report.failures))
    for note in report.notes:
        out.print(f"[yellow]note[/] {plain(note)}")
    out.print(f"{report.records} records written to {plain(report.output)}")
    if report.failed:
        out.print("Run it again to ask for what failed; the rest comes from the cache.")
