"""``augury attach`` and ``augury detach``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .ingest import show_usage
from .options import connection, llm_options, server_options, set_given, set_llm, set_sparse
from .terminal import console, echo_json, json_option, plain, progress

if TYPE_CHECKING:
    from ..schemas.attach import AttachPlan
    from ..schemas.profile import Profile
    from ..schemas.report import IngestReport

_FIELDS_SHOWN = 12


@click.command(short_help="Search a collection that an app owns, without changing what is the app's.")
@click.argument("where", metavar="URL/COLLECTION")
@click.option("--text-field", help="Payload field that holds the text; dots lead inward  [default: found]")
@click.option("--title-field", help="Field that holds the title  [default: title, if there is one]")
@click.option("--id-field", help="Field that says which document a point is of  [default: its id]")
@click.option("--metadata-field", help="Field that holds the metadata; '' for the whole payload.")
@click.option("--dense", metavar="MODEL", help="Dense model  [default: starter:minilm]")
@click.option(
    "--dense-vector",
    metavar="NAME",
    help="The app's vector that the dense model made; '' for the one without a name  [default: tried]",
)
@click.option("--sparse", metavar="MODEL|bm25|none", help="Sparse model  [default: bm25]")
@click.option("--scenarios", metavar="llm|FILE|none", help="Where scenarios come from, as for ingest.")
@click.option("--alpha", type=click.FloatRange(0, 1), help="Weight of the passage against its scenarios.")
@llm_options
@server_options
@click.option(
    "--in-place/--copy",
    default=None,
    help="Add vectors to the collection itself, or to a copy  [default: in place, where that can be undone]",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before it is done.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
@json_option
def attach(
    where: str,
    scenarios: str | None,
    dry_run: bool,
    yes: bool,
    quiet: bool,
    as_json: bool,
    text_field: str | None,
    title_field: str | None,
    id_field: str | None,
    metadata_field: str | None,
    dense_vector: str | None,
    in_place: bool | None,
    **models: Any,
) -> None:
    """Search the collection of an app: one that LangChain, LlamaIndex, Haystack, the MCP server or the app
    itself made. Its ids, vectors and payload keys stay as they are.

    Run it again whenever the app has written: only points that are new or changed are done.
    augury detach takes back all that this adds.

    \b
    augury attach http://localhost:6333/kb --dry-run
    augury attach http://localhost:6333/kb --text-field body.text --id-field source
    augury attach http://localhost:6333/kb --dense ./my-model --dense-vector my-vector --sparse bm25
    """
    from ..connector.adopt.attach import Attachment, open_collection

    store = open_collection(where, connection=connection())
    try:
        attachment = Attachment(
            store,
            where,
            text_field=text_field,
            title_field=title_field,
            id_field=id_field,
            metadata_field=metadata_field,
            dense_vector=dense_vector,
            in_place=in_place,
            profile=lambda profile: _chosen(profile, **models),
        )
        plan = attachment.plan
        if not as_json:
            _show_plan(plan)
        if dry_run:
            if as_json:
                echo_json({"plan": plan.model_dump(mode="json")})
            return
        if not yes and not as_json:
            click.confirm("Go on?", default=True, abort=True)
        with progress("Attaching", plan.facts.points, quiet=quiet or as_json) as advance:
            report = attachment.run(
                scenarios, progress=lambda now: advance(now.documents.written + now.documents.unchanged)
            )
    finally:
        store.close()
    if as_json:
        echo_json({"plan": plan.model_dump(mode="json"), **report.model_dump(mode="json")})
    else:
        _show(report, plan)
    if report.documents.failed:
        raise SystemExit(1)


@click.command(short_help="Take back all that attach added to a collection.")
@click.argument("where", metavar="URL/COLLECTION")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before it is done.")
@server_options
@json_option
def detach(where: str, yes: bool, as_json: bool) -> None:
    """Give the app's collection back as it was: the vectors, the payload key, the indexes and the metadata
    that attach added are removed, and nothing else.

    \b
    augury detach http://localhost:6333/kb
    """
    from .. import detach as take_away

    if not yes and not as_json:
        click.confirm(f"Remove what Augury added to {plain(where)}?", default=True, abort=True)
    report = take_away(where, connection=connection())
    if as_json:
        echo_json(report.model_dump(mode="json"))
        return
    out = console()
    if report.dropped_copy:
        out.print(f"The copy {plain(report.dropped_copy)} with its {report.points:,} points is gone")
    else:
        out.print(f"Removed from {report.points:,} points: {plain(', '.join(report.vectors))}")
    out.print(f"{plain(report.collection)} is as it was")


def _chosen(
    profile: Profile,
    *,
    dense: str | None,
    sparse: str | None,
    alpha: float | None,
    llm_url: str | None,
    llm_model: str | None,
    llm_concurrency: int | None,
    llm_timeout: float | None,
) -> Profile:
    changes = profile.model_dump()
    set_given(changes["dense"], model=dense)
    set_sparse(changes, sparse)
    set_given(changes["scenarios"], alpha=alpha)
    set_llm(changes, llm_url, llm_model, llm_concurrency, llm_timeout)
    return type(profile).model_validate(changes)


def _show_plan(plan: AttachPlan) -> None:
    facts, layout = plan.facts, plan.profile.payload
    fields = [f"{name} {part:.0%}" for name, part in facts.fields.items()]
    more = f", and {len(fields) - _FIELDS_SHOWN} more" if len(fields) > _FIELDS_SHOWN else ""
    rows = {
        "collection": f"{facts.collection} (Qdrant {facts.engine_version})",
        "points": f"{facts.points:,}, {facts.ids} ids",
        "vectors": ", ".join(map(str, facts.vectors)),
        "payload": ", ".join(fields[:_FIELDS_SHOWN]) + more,
        "indexes": ", ".join(f"{name} ({kind})" for name, kind in facts.indexes.items()),
        "layout": plan.layout,
        "text": f"{layout.text} ({plan.text_share:.0%} of the first {facts.sampled:,} points)",
        "title": layout.title,
        "document id": layout.doc_id or "the point's id",
        "metadata": layout.metadata or "the whole payload",
    }
    out = console()
    for name, value in rows.items():
        if value:
            out.print(f"[bold]{name:<14}[/]{plain(value)}")
    for step in plan.steps:
        out.print(f"  - {plain(step)}")


def _show(report: IngestReport, plan: AttachPlan) -> None:
    out = console()
    counts = report.documents
    out.print(
        f"[bold]{counts.read:,}[/] points read: {counts.written:,} done, {counts.unchanged:,} left as they "
        f"were, {counts.failed:,} failed; {report.seconds:.1f} s"
    )
    if report.llm:
        show_usage(report.llm)
    for failure in report.failures[:10]:
        out.print(f"[red]failed[/] {plain(failure.reason)}")
    for note in report.notes:
        out.print(f"[yellow]note[/] {plain(note)}")
    out.print(f'Search it: augury search {plain(plan.index)} "..."')
