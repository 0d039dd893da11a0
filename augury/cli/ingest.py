"""``augury ingest``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from ..schemas.collection import IndexKind
from .terminal import console, echo_json, json_option, plain, progress

if TYPE_CHECKING:
    from ..schemas.profile import Profile
    from ..schemas.report import IngestReport


@click.command(short_help="Ingest documents: files, folders, standard input.")
@click.argument("source")
@click.option(
    "--to", "where", required=True, metavar="INDEX", help="A folder, or http(s)://host:port/collection."
)
@click.option("--id-field", help="Field that holds a record's id  [default: _id, id or doc_id]")
@click.option("--text-field", help="Field that holds its text  [default: text, body or content]")
@click.option("--title-field", help="Field that holds its title  [default: title]")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["auto", "jsonl", "csv", "parquet", "beir", "folder"]),
    default="auto",
    show_default=True,
    help="What SOURCE is, where its name does not say.",
)
@click.option("--encoding", default="utf-8", show_default=True, help="Text encoding of the source.")
@click.option(
    "--scenarios",
    metavar="FILE|none",
    help="Scenarios in SPIKE's JSON shape, a line each, or none. Left out, unchanged documents keep theirs.",
)
@click.option("--alpha", type=click.FloatRange(0, 1), help="Weight of the passage against its scenarios.")
@click.option("--dense", metavar="MODEL", help="Dense model: starter:minilm, a folder, or a hub name.")
@click.option(
    "--sparse", metavar="MODEL|bm25|none", help="Sparse model: starter:splade-tiny, bm25, none, ..."
)
@click.option("--chunk", type=click.Choice(["sentences", "none"]), help="Cut documents, or keep each whole.")
@click.option("--chunk-min", type=click.IntRange(1), help="Fewest characters of a chunk  [default: 500]")
@click.option("--chunk-max", type=click.IntRange(1), help="Most characters of a chunk  [default: 2000]")
@click.option(
    "--chunk-overlap", type=click.FloatRange(0, 0.5, max_open=True), help="Share repeated  [default: 0.15]"
)
@click.option(
    "--filter-field",
    "filter_fields",
    multiple=True,
    metavar="FIELD:TYPE",
    help="Index a metadata field for filters, as year:integer. Repeatable.",
)
@click.option("--sync", is_flag=True, help="Afterwards delete documents that SOURCE no longer has.")
@click.option("--repair", is_flag=True, help="Also redo passages whose scenarios are missing.")
@click.option(
    "--on-error",
    type=click.Choice(["continue", "stop"]),
    default="continue",
    show_default=True,
    help="What a bad document does to the others.",
)
@click.option(
    "--dead-letters",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where documents that failed are written  [default: beside or in the index]",
)
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
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
    zcat dump.jsonl.gz | augury ingest - --to http://localhost:6333/kb --json
    """
    from .. import open as open_index
    from ..connector.sources import Fields, open_source

    fields = Fields(id=id_field, text=text_field, title=title_field)
    documents = open_source(source, fields=fields, encoding=encoding, format=kind)
    with (
        open_index(where, profile=lambda profile: chosen(profile, filter_fields, **choices)) as index,
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


def chosen(
    profile: Profile,
    filter_fields: tuple[str, ...],
    *,
    alpha: float | None,
    dense: str | None,
    sparse: str | None,
    chunk: str | None,
    chunk_min: int | None,
    chunk_max: int | None,
    chunk_overlap: float | None,
) -> Profile:
    """The profile with what the command line says; what it leaves out stays as it is."""
    changes = profile.model_dump()
    _set(changes["dense"], model=dense)
    if sparse == "none":
        changes["sparse"] = None
    elif sparse is not None and (changes["sparse"] or {}).get("model") != sparse:
        changes["sparse"] = {"model": sparse}
    _set(changes["chunk"], mode=chunk, min_chars=chunk_min, max_chars=chunk_max, overlap=chunk_overlap)
    _set(changes["scenarios"], alpha=alpha)
    for field in filter_fields:
        name, separator, kind = field.rpartition(":")
        if not separator:
            raise click.UsageError(f"--filter-field {field} lacks its type. Write it as {field}:keyword.")
        if kind not in get_args(IndexKind):
            raise click.UsageError(
                f"{kind} is no type of --filter-field. Use {', '.join(get_args(IndexKind))}."
            )
        changes["indexes"][name if name.startswith("metadata.") else f"metadata.{name}"] = kind
    return type(profile).model_validate(changes)


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
    if scenarios.written or scenarios.dropped or scenarios.missing:
        out.print(
            f"{scenarios.written} scenarios written, {scenarios.dropped} dropped; "
            f"{scenarios.missing} passages lack theirs"
        )
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


def _set(part: dict[str, Any], **values: Any) -> None:
    part.update({name: value for name, value in values.items() if value is not None})


def _dead_letters(where: str) -> Path:
    if "://" in where:
        return Path(f"{where.rstrip('/').rpartition('/')[2]}.dead-letters.jsonl")
    return Path(where) / "dead-letters.jsonl"
