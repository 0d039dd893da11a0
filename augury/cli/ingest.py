"""``augury ingest``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from ..schemas.scenario import ScenarioField
from .options import (
    chunk_options,
    connection,
    llm_options,
    model_options,
    run_options,
    server_options,
    set_chunk,
    set_given,
    set_llm,
    set_sparse,
    source_options,
    storage_options,
    typed_fields,
)
from .terminal import console, echo_json, json_option, plain, progress

if TYPE_CHECKING:
    from ..schemas.llm import LlmUsage
    from ..schemas.profile import Profile
    from ..schemas.report import IngestReport


@click.command(short_help="Ingest documents: files, folders, standard input.")
@click.argument("source")
@click.option(
    "--to", "where", required=True, metavar="INDEX", help="A folder, or http(s)://host:port/collection."
)
@source_options
@click.option(
    "--scenarios",
    metavar="llm|FILE|none",
    help="Have an LLM write them, read them from a file in SPIKE's JSON shape, or have none. Left out, "
    "unchanged documents keep theirs.",
)
@model_options
@chunk_options
@llm_options
@click.option(
    "--filter-field",
    "filter_fields",
    multiple=True,
    metavar="FIELD:TYPE",
    help="Index a metadata field for filters, as year:integer. Repeatable.",
)
@click.option(
    "--tenant-field",
    metavar="FIELD",
    help="The metadata field that says whose a document is; every search is then one tenant's.",
)
@storage_options
@click.option("--sync", is_flag=True, help="Afterwards delete documents that SOURCE no longer has.")
@click.option("--repair", is_flag=True, help="Also redo passages whose scenarios are missing.")
@run_options
@server_options
@json_option
def ingest(
    source: str,
    where: str,
    id_field: str | None,
    text_field: str | None,
    title_field: str | None,
    kind: Any,
    encoding: str,
    scenarios: str | None,
    filter_fields: tuple[str, ...],
    sync: bool,
    repair: bool,
    on_error: Any,
    dead_letters: Path | None,
    quiet: bool,
    as_json: bool,
    **choices: Any,
) -> None:
    """Ingest SOURCE: a folder of md, txt, html and pdf files, a JSONL, CSV or Parquet file, a BEIR
    folder, or - for JSON Lines on standard input.

    Run it again at any time: what is unchanged is skipped, what changed is replaced, and a run that was
    killed goes on where it stopped.

    \b
    augury ingest docs/ --to my-index
    augury ingest books.csv --to my-index --id-field isbn --text-field blurb
    augury ingest corpus/ --to my-index --chunk none --scenarios scenarios.jsonl
    augury ingest corpus/ --to my-index --hypencoder jfkback/hypencoder.6_layer
    augury ingest corpus/ --to my-index --scenarios llm --llm-url http://localhost:8000/v1
    augury ingest corpus/ --to https://qdrant.example.org:6333/kb --storage disk --quantization int8
    augury ingest mails.jsonl --to my-index --tenant-field customer
    zcat dump.jsonl.gz | augury ingest - --to http://localhost:6333/kb --json
    """
    from .. import open as open_index
    from ..connector.sources import Fields, open_source

    fields = Fields(id=id_field, text=text_field, title=title_field)
    documents = open_source(source, fields=fields, encoding=encoding, format=kind)
    with (
        open_index(
            where,
            profile=lambda profile: chosen(profile, filter_fields, **choices),
            connection=connection(),
        ) as index,
        progress("Ingesting", documents.total, quiet=quiet or as_json) as advance,
    ):
        report = index.ingest(
            documents,
            scenarios=scenarios,
            sync=sync,
            repair=repair,
            on_error=on_error,
            dead_letters=dead_letters or _dead_letters(where),
            progress=lambda running: advance(
                running.documents.written + running.documents.unchanged + running.documents.failed
            ),
        )
    report.notes.extend(documents.notes)
    if as_json:
        echo_json(report.model_dump(mode="json"))
    else:
        show(report, where)
    if report.documents.failed:
        raise SystemExit(1)


def show_usage(usage: LlmUsage) -> None:
    """What the LLM did, for a person."""
    out = console()
    out.print(
        f"{plain(usage.model)}: {usage.answered} answers, {usage.cached} cached, {usage.failed} failed; "
        f"{usage.prompt_tokens} tokens read, {usage.completion_tokens} written, "
        f"{usage.tokens_per_second:.0f} tokens/s" + (f", cost {usage.cost:.4f}" if usage.cost else "")
    )


def chosen(
    profile: Profile,
    filter_fields: tuple[str, ...],
    *,
    alpha: float | None,
    scenario_fields: str | None,
    needs: int | None,
    dense: str | None,
    sparse: str | None,
    hypencoder: str | None,
    hypencoder_reads: str | None,
    llm_url: str | None,
    llm_model: str | None,
    llm_concurrency: int | None,
    llm_timeout: float | None,
    tenant_field: str | None,
    storage: str | None,
    shards: int | None,
    replicas: int | None,
    write_consistency: int | None,
    quantization: str | None,
    **chunking: Any,
) -> Profile:
    """The profile with what the command line says; what it leaves out stays as it is."""
    changes = profile.model_dump()
    set_given(changes["dense"], model=dense)
    set_sparse(changes, sparse)
    set_chunk(changes, **chunking)
    set_llm(changes, llm_url, llm_model, llm_concurrency, llm_timeout)
    set_given(changes["scenarios"], alpha=alpha, fields=_fields(scenario_fields))
    set_given(changes["generation"], needs=needs)
    changes["indexes"].update(typed_fields(filter_fields))
    set_given(changes, tenant=tenant_field)
    set_given(
        changes["storage"],
        mode=storage,
        shards=shards,
        replicas=replicas,
        write_consistency=write_consistency,
        quantization=quantization,
    )
    _set_hypencoder(changes, hypencoder, hypencoder_reads)
    return type(profile).model_validate(changes)


def _fields(names: str | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    found = tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    possible = get_args(ScenarioField)
    if not found or not set(found) <= set(possible):
        raise click.UsageError(f"--scenario-fields takes any of {', '.join(possible)}, with commas between.")
    return found


def _set_hypencoder(changes: dict[str, Any], model: str | None, reads: str | None) -> None:
    from ..models.resolve import whole_path

    if model == "none":
        changes["hypencoder"] = None
        if changes["rerank"]["by"] == "hypencoder":
            changes["rerank"]["by"] = None
    elif model is not None:
        if (changes["hypencoder"] or {}).get("model") != whole_path(model):
            changes["hypencoder"] = {"model": whole_path(model)}
        changes["rerank"]["by"] = changes["rerank"]["by"] or "hypencoder"
    if reads is not None:
        if changes["hypencoder"] is None:
            raise click.UsageError("--hypencoder-reads needs a model. Name it with --hypencoder MODEL.")
        changes["hypencoder"]["reads"] = reads


def show(report: IngestReport, where: str) -> None:
    """The report for a person."""
    out = console()
    counts = report.documents
    out.print(
        f"[bold]{counts.read}[/] documents read: {counts.written} written, {counts.unchanged} unchanged, "
        f"{counts.failed} failed" + (f"; {counts.deleted} deleted" if counts.deleted else "")
    )
    out.print(f"{report.passages.written} passages written, {report.passages.deleted} deleted")
    scenarios = report.scenarios
    if scenarios.written or scenarios.dropped or scenarios.missing or scenarios.none:
        out.print(
            f"{scenarios.written} scenarios written, {scenarios.dropped} dropped; "
            f"{scenarios.missing} passages lack theirs, {scenarios.none} have none"
        )
    if report.llm:
        show_usage(report.llm)
    spent = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in report.stage_seconds.items())
    out.print(f"{report.seconds:.1f} s, {report.documents_per_second:.1f} documents/s (busy s: {spent})")
    for failure in report.failures[:10]:
        place = f"{failure.source}: " if failure.source and failure.source not in failure.reason else ""
        out.print(f"[red]failed[/] {plain(place + failure.reason)}")
    if counts.failed > 10:
        out.print(f"... and {counts.failed - 10} more")
    if report.dead_letters:
        out.print(f"All that failed is in {plain(report.dead_letters)}")
    for note in report.notes:
        out.print(f"[yellow]note[/] {plain(note)}")
    if counts.written:
        out.print(f'Search it: augury search {plain(where)} "..."')


def _dead_letters(where: str) -> Path:
    if "://" in where:
        return Path(f"{where.rstrip('/').rpartition('/')[2]}.dead-letters.jsonl")
    return Path(where) / "dead-letters.jsonl"
