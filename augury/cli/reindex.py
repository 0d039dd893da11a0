"""``augury reindex``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .ingest import chosen
from .options import (
    chunk_options,
    connection,
    llm_options,
    model_options,
    server_options,
    source_options,
    storage_options,
)
from .terminal import console, echo_json, json_option, plain, progress

if TYPE_CHECKING:
    from ..connector.reindex.canary import CanarySet
    from ..connector.reindex.reindex import Reindex
    from ..schemas.profile import Profile
    from ..schemas.reindex import Generations, ReindexPlan, ReindexReport

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Give an index other models or choices without downtime, and swap in one step.")
@click.argument("where", metavar="INDEX")
@click.option(
    "--profile",
    "profile_file",
    type=_FILE,
    help="A TOML file of what is to change, laid out as the profile: augury status INDEX --json shows it.",
)
@model_options
@chunk_options
@storage_options
@click.option(
    "--alias",
    default="",
    metavar="NAME",
    help="For a server's collection without an alias: the name to search and write it by from now on.",
)
@click.option(
    "--source", metavar="SOURCE", help="Where documents are cut otherwise: what they are read from."
)
@source_options
@click.option(
    "--scenarios", metavar="llm|FILE|none", help="With --source: where scenarios come from, as for ingest."
)
@llm_options
@click.option(
    "--canary",
    type=_FILE,
    metavar="QUERIES",
    help="Queries to ask both before the swap  [default: titles and first sentences of 50 documents]",
)
@click.option("--canary-qrels", type=_FILE, metavar="QRELS", help="Their judgements.")
@click.option("--tenant", metavar="VALUE", help="Whose documents the queries of --canary search.")
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 1),
    default=0.05,
    show_default=True,
    help="How much smaller a share of the queries may find its document.",
)
@click.option("--allow-worse", is_flag=True, help="Swap even where more queries than that lose theirs.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--status", is_flag=True, help="Say which generations there are.")
@click.option("--rollback", is_flag=True, help="Swap back, with what was written since.")
@click.option("--leave-writes", is_flag=True, help="With --rollback: without what was written since.")
@click.option("--drop-old", is_flag=True, help="Delete the old generation; then there is no way back.")
@click.option("--abandon", is_flag=True, help="Delete what an unfinished re-index has made.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before something is deleted.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
@server_options
@json_option
def reindex(
    where: str,
    status: bool,
    rollback: bool,
    leave_writes: bool,
    drop_old: bool,
    abandon: bool,
    alias: str,
    yes: bool,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Make INDEX anew with other models or choices, beside itself, and swap in one step.

    Texts, metadata and scenarios come from the index, and only vectors that the changes touch are encoded.
    Searches and ingests go on meanwhile; what they write is in both. Before the swap, counts, vectors and a
    few searches are compared. The old generation stays until --drop-old. A run that was killed is finished by
    the same command.

    \b
    augury reindex my-index --sparse bm25 --dry-run
    augury reindex my-index --dense ./my-model --canary queries.jsonl --canary-qrels qrels.txt
    augury reindex my-index --chunk-max 1000 --source docs/
    augury reindex http://localhost:6333/kb --alias kb-live --profile new.toml
    augury reindex http://localhost:6333/kb-live --rollback
    augury reindex http://localhost:6333/kb-live --drop-old
    """
    from .. import open as open_index
    from ..connector.reindex.reindex import Reindex

    actions = {"--status": status, "--rollback": rollback, "--drop-old": drop_old, "--abandon": abandon}
    asked = [name for name, given in actions.items() if given]
    if len(asked) > 1:
        raise click.UsageError(f"{' and '.join(asked)} are two things. Ask for one at a time.")
    if leave_writes and not rollback:
        raise click.UsageError("--leave-writes goes with --rollback.")
    with open_index(where, create=False, connection=connection()) as index:
        work = Reindex(index, alias=alias)
        if status:
            _out(work.status(), as_json, _show_status)
        elif drop_old or abandon:
            what = "the old generation" if drop_old else "the unfinished generation"
            if not yes and not as_json:
                click.confirm(f"Delete {what} of {plain(where)}?", abort=True)
            dropped = work.drop_old() if drop_old else work.abandon()
            if as_json:
                echo_json({"index": where, "dropped": dropped})
            else:
                console().print(f"{plain(dropped)} is deleted; {plain(where)} is as it was.")
        elif rollback:
            with progress("Carrying over", None, quiet=quiet or as_json) as advance:
                report = work.rollback(
                    carry=not leave_writes, progress=lambda now: advance(now.documents.written)
                )
            _out(report, as_json, _show)
        else:
            _run(work, where, quiet=quiet, as_json=as_json, **options)


def _run(
    work: Reindex,
    where: str,
    *,
    profile_file: Path | None,
    source: str | None,
    id_field: str | None,
    text_field: str | None,
    title_field: str | None,
    kind: Any,
    encoding: str,
    scenarios: str | None,
    canary: Path | None,
    canary_qrels: Path | None,
    tenant: str | None,
    tolerance: float,
    allow_worse: bool,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
    **choices: Any,
) -> None:
    from ..connector.sources import Fields, open_source

    documents = None
    if source is not None:
        fields = Fields(id=id_field, text=text_field, title=title_field)
        documents = open_source(source, fields=fields, encoding=encoding, format=kind)
    queries = _canary(canary, canary_qrels, tenant)
    given = {name: value for name, value in choices.items() if value is not None}

    def change(profile: Profile) -> Profile:
        return _changed(profile, profile_file, choices)

    profile = change if given or profile_file else None
    plan = work.plan(profile, source=documents)
    if dry_run:
        _out(plan, as_json, _show_plan)
        return
    if not as_json:
        _show_plan(plan)
    total = plan.passages if documents is None else documents.total
    with progress("Re-indexing", total, quiet=quiet or as_json) as advance:
        report = work.run(
            profile,
            source=documents,
            scenarios=scenarios,
            canary=queries,
            tolerance=tolerance,
            allow_worse=allow_worse,
            progress=lambda now: advance(now.documents.written + now.documents.unchanged),
        )
    _out(report, as_json, _show)


def _changed(profile: Profile, file: Path | None, choices: dict[str, Any]) -> Profile:
    """The profile with what the file says, and then with what the options say."""
    if file is not None:
        profile = type(profile).model_validate(_merged(profile.model_dump(), _read(file)))
    changed = chosen(profile, (), tenant_field=None, **choices)
    update: dict[str, Any] = {}
    if choices["dense"] and changed.dense.model == profile.dense.model:  # it may have been trained anew
        update["dense"] = changed.dense.model_copy(update={"revision": "", "dim": 0})
    if choices["sparse"] and changed.sparse and profile.sparse == changed.sparse:
        update["sparse"] = changed.sparse.model_copy(update={"revision": ""})
    return changed.model_copy(update=update)


def _read(file: Path) -> dict[str, Any]:
    import tomllib

    from ..errors import UsageError

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # both errors of TOML and of UTF-8 are a ValueError
        raise UsageError(
            f"{file} is no TOML file that can be read ({error})",
            'Write it like this: sparse = { model = "bm25" }',
        ) from error


def _merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Tables go into tables. One that names another model than the one there takes its whole place."""
    found = dict(values)
    for name, value in changes.items():
        there = found.get(name)
        is_other = isinstance(value, dict) and "model" in value and name in ("dense", "sparse", "hypencoder")
        if isinstance(value, dict) and isinstance(there, dict) and not is_other:
            found[name] = _merged(there, value)
        else:
            found[name] = value
    return found


def _canary(queries: Path | None, qrels: Path | None, tenant: str | None) -> CanarySet | None:
    if queries is None:
        if qrels is not None:
            raise click.UsageError("--canary-qrels judges queries. Name them with --canary QUERIES.")
        return None
    from ..connector.reindex.canary import CanarySet
    from ..evaluation.dataset import open_dataset
    from ..evaluation.queries_file import read_queries

    if qrels is None:
        found = CanarySet(read_queries(queries))
    else:
        dataset = open_dataset(queries=queries, qrels=qrels)
        found = CanarySet(dataset.queries, dataset.qrels)
    tenants = dict.fromkeys(found.queries, tenant) if tenant else {}
    return CanarySet(found.queries, found.judged, tenants)


def _out(result: Any, as_json: bool, show: Any) -> None:
    if as_json:
        echo_json(result.model_dump(mode="json"))
    else:
        show(result)


def _show_plan(plan: ReindexPlan) -> None:
    for step in plan.steps:
        console().print(f"  - {plain(step)}")


def _show_status(found: Generations) -> None:
    out = console()
    out.print(f"[bold]{'current':<10}[/]{plain(found.current)}: {found.passages:,} passages")
    if found.building:
        closing = ", closed to be swapped" if found.closing else ""
        out.print(f"[bold]{'unfinished':<10}[/] {plain(found.building)}: {found.built:,} passages{closing}")
    if found.previous:
        out.print(f"[bold]{'old':<10}[/]{plain(found.previous)}: {found.previous_passages:,} passages")
    if found.running:
        out.print(f"[bold]{'running':<10}[/]{plain(found.running)}")


def _show(report: ReindexReport) -> None:
    out = console()
    later = f", {report.caught_up:,} of them written meanwhile" if report.caught_up else ""
    out.print(
        f"[bold]{report.documents:,}[/] documents in {report.passages:,} passages; {report.written:,} "
        f"passages made{later}; {report.seconds:.1f} s"
    )
    if report.sample:
        out.print(f"{report.sample.checked} passages compared, vector by vector: all as they must be")
    if found := report.canary:
        before = f" (before: {found.before:.1%})" if found.before is not None else ""
        same = f"; {found.same:.0%} of the hits are the same" if found.same is not None else ""
        out.print(
            f"{found.queries} queries from {found.made_from}: {found.after:.1%} find their document among "
            f"the first {found.depth}{before}{same}"
        )
    for note in report.notes:
        out.print(f"[yellow]note[/] {plain(note)}")
    out.print(f"{plain(report.index)} is {plain(report.new)} now; {plain(report.old)} stays as it is.")
    out.print(f"Back: augury reindex {plain(report.index)} --rollback")
    out.print(f"For good: augury reindex {plain(report.index)} --drop-old")
