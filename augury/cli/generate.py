"""``augury generate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .generate_preferences import expansions, preferences
from .generate_training import negatives, queries
from .ingest import show_usage
from .options import chunk_options, llm_options, run_options, set_chunk, set_given, set_llm, source_options
from .terminal import console, echo_json, json_option, plain, progress

if TYPE_CHECKING:
    from ..schemas.profile import Profile
    from ..schemas.report import IngestReport


@click.group(short_help="Have an LLM write what an index or a trainer needs, into files.")
def generate() -> None:
    """Have an LLM write what an index or a trainer needs, into files."""


@generate.command(short_help="Scenarios of a source's documents.")
@click.argument("source")
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file of scenarios, for: augury ingest SOURCE --scenarios FILE",
)
@source_options
@click.option("--needs", type=click.IntRange(1, 16), help="Most scenarios of a passage  [default: 4]")
@click.option(
    "--teacher", is_flag=True, help="Write the passages' texts too, for: augury train scenarios FILE"
)
@chunk_options
@llm_options
@run_options
@json_option
def scenarios(
    source: str,
    output: Path,
    teacher: bool,
    id_field: str | None,
    text_field: str | None,
    title_field: str | None,
    kind: Any,
    encoding: str,
    on_error: Any,
    dead_letters: Path | None,
    quiet: bool,
    as_json: bool,
    **choices: Any,
) -> None:
    """Write the scenarios of SOURCE's documents into a file, so that a machine with a GPU can do this part
    alone. SOURCE is what ingest takes.

    Run it again after an interruption: answers that had come are in the cache and cost nothing.
    Documents are cut as ingest cuts them, so give both the same --chunk options.

    \b
    augury generate scenarios docs/ -o scenarios.jsonl --llm-url http://localhost:8000/v1
    augury ingest docs/ --to my-index --scenarios scenarios.jsonl
    augury generate scenarios docs/ -o teacher.jsonl --teacher --llm-model gpt-4o
    """
    from ..connector.ingest.generate import generate as generate_scenarios
    from ..connector.ingest.generator import ScenarioGenerator
    from ..connector.sources import Fields, open_source
    from ..models.llm.client import LlmClient

    fields = Fields(id=id_field, text=text_field, title=title_field)
    documents = open_source(source, fields=fields, encoding=encoding, format=kind)
    profile = chosen(**choices)
    with (
        LlmClient.with_cache(profile.llm) as llm,
        progress("Generating", documents.total, quiet=quiet or as_json) as advance,
    ):
        report = generate_scenarios(
            documents,
            ScenarioGenerator(llm, profile.generation),
            profile,
            output,
            texts=teacher,
            on_error=on_error,
            dead_letters=dead_letters or output.with_name(f"{output.name}.dead-letters.jsonl"),
            progress=lambda running: advance(running.documents.written + running.documents.failed),
        )
    report.notes.extend(documents.notes)
    if as_json:
        echo_json(report.model_dump(mode="json"))
    else:
        show(report, source, output)
    if report.documents.failed:
        raise SystemExit(1)


def chosen(needs: int | None, **choices: Any) -> Profile:
    """The default profile with what the command line says."""
    from ..schemas.profile import Profile

    changes = Profile().model_dump()
    set_given(changes["generation"], needs=needs)
    set_llm(changes, *(choices.pop(f"llm_{name}") for name in ("url", "model", "concurrency", "timeout")))
    set_chunk(changes, **choices)
    return Profile.model_validate(changes)


def show(report: IngestReport, source: str, output: Path) -> None:
    """The report for a person."""
    out = console()
    counts = report.documents
    out.print(f"[bold]{counts.read}[/] documents read: {counts.written} done, {counts.failed} failed")
    out.print(
        f"{report.scenarios.written} scenarios of {report.passages.written} passages written to "
        f"{plain(str(output))}; {report.scenarios.none} passages have none"
    )
    if report.llm:
        show_usage(report.llm)
    for failure in report.failures[:10]:
        out.print(f"[red]failed[/] {plain(failure.reason)}")
    if counts.failed > 10:
        out.print(f"... and {counts.failed - 10} more")
    for note in report.notes:
        out.print(f"[yellow]note[/] {plain(note)}")
    if counts.failed:
        out.print("Run it again to ask for what failed; the rest comes from the cache.")
    elif counts.written:
        out.print(f"Use it: augury ingest {plain(source)} --to INDEX --scenarios {plain(str(output))}")


generate.add_command(queries)
generate.add_command(negatives)
generate.add_command(preferences)
generate.add_command(expansions)
