"""``augury status``, ``augury refold`` and ``augury filter-field``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .options import connection, server_options, typed_fields
from .terminal import console, echo_json, json_option, plain, progress

if TYPE_CHECKING:
    from ..schemas.profile import Profile


@click.command()
@click.argument("where", metavar="INDEX")
@server_options
@json_option
def status(where: str, as_json: bool) -> None:
    """Say what INDEX holds and what it was made with.

    \b
    augury status my-index
    augury status http://localhost:6333/kb --json
    """
    from .. import open as open_index

    with open_index(where, create=False, connection=connection()) as index:
        found = index.status()
    if as_json:
        echo_json(found.model_dump(mode="json"))
        return
    profile = found.profile
    rows = {
        "index": found.index,
        "engine": f"{found.engine} {found.engine_version}",
        "documents": f"{found.documents:,}",
        "passages": f"{found.passages:,}",
        "scenarios": ", ".join(
            f"{count:,} passages {state}" for state, count in found.scenario_passages.items() if count
        ),
        "dense": f"{profile.dense.model} ({profile.dense.dim} dims, {profile.dense.revision[:12]})",
        "sparse": f"{profile.sparse.model} ({profile.sparse.revision[:12]})" if profile.sparse else "none",
        "hypencoder": f"{profile.hypencoder.model} ({profile.hypencoder.dim} dims, reads its "
        f"{profile.hypencoder.reads} vectors)"
        if profile.hypencoder
        else "",
        "chunks": f"{profile.chunk.mode}, {profile.chunk.min_chars} to {profile.chunk.max_chars} characters"
        if profile.chunk.mode != "none"
        else "none, each document is one passage",
        "alpha": f"{profile.scenarios.alpha:g}",
        "search": _searches(profile),
        "tuned": f"on {profile.tuned.dataset}: {profile.tuned.measure} {profile.tuned.before:.3f} before, "
        f"{profile.tuned.after:.3f} after"
        if profile.tuned
        else "",
        "tenants": f"told apart by {profile.tenant}" if profile.tenant else "",
        "storage": _storage(profile),
        "filter fields": ", ".join(f"{name} ({kind})" for name, kind in found.payload_indexes.items()),
        "on disk": f"{found.bytes_on_disk / 2**20:,.1f} MiB" if found.bytes_on_disk is not None else "",
        "unfinished": f"refold to alpha {found.unfinished_refold:g}; finish it with augury refold"
        if found.unfinished_refold is not None
        else "",
    }
    out = console()
    for name, value in rows.items():
        if value:
            out.print(f"[bold]{name:<14}[/]{plain(value)}")


def _searches(profile: Profile) -> str:
    """How a search is done that is not told otherwise."""
    search, rerank, expand = profile.search, profile.rerank, profile.expansion.mode
    names = [
        f"{name} {search.weights[name]:g}" if name in search.weights else name for name in search.branches
    ]
    parts = [", ".join(names), search.fusion if len(names) > 1 else ""]
    parts.append("soft maximum over scenarios" if search.pool == "soft" else "")
    parts.append(f"reranks {rerank.depth} by {rerank.by} at {rerank.weight:g}" if rerank.by else "")
    parts.append(f"expands: {expand}" if expand != "off" else "")
    return "; ".join(part for part in parts if part)


def _storage(profile: Profile) -> str:
    """What differs from the usual way of keeping a collection."""
    usual = type(profile.storage)().made_with
    chosen = {name: value for name, value in profile.storage.made_with.items() if value != usual[name]}
    return ", ".join(f"{name} {value}" for name, value in chosen.items())


@click.command(short_help="Give an index another alpha, without encoder or LLM.")
@click.argument("where", metavar="INDEX")
@click.option(
    "--alpha",
    type=click.FloatRange(0, 0.99),
    required=True,
    help="The new weight of the passage against its scenarios.",
)
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
@server_options
@json_option
def refold(where: str, alpha: float, quiet: bool, as_json: bool) -> None:
    """Give INDEX another alpha, from its own vectors: no encoder and no LLM runs.

    \b
    augury refold my-index --alpha 0.5
    """
    from .. import open as open_index

    with open_index(where, create=False, connection=connection()) as index:
        before = index.profile.scenarios.alpha
        total = index.store.count()
        with progress("Refolding", total, quiet=quiet or as_json) as advance:
            index.refold(alpha, progress=lambda done, _: advance(done))
    if as_json:
        echo_json({"index": where, "alpha": alpha, "alpha_before": before, "passages": total})
    else:
        console().print(
            f"{plain(where)} is folded with alpha {alpha:g} (before: {before:g}); {total} passages"
        )


@click.command("filter-field", short_help="Index metadata fields for filters.")
@click.argument("where", metavar="INDEX")
@click.argument("fields", nargs=-1, required=True, metavar="FIELD:TYPE...")
@server_options
@json_option
def filter_field(where: str, fields: tuple[str, ...], as_json: bool) -> None:
    """Make payload indexes for metadata fields of INDEX, so that filters by them need not read every
    passage. A field that is indexed already stays as it is.

    \b
    augury filter-field my-index year:integer country:keyword
    """
    from .. import open as open_index

    wanted = typed_fields(fields)
    with open_index(where, create=False, connection=connection()) as index:
        index.add_filter_fields(wanted)
        indexes = dict(index.status().payload_indexes)
    if as_json:
        echo_json({"index": where, "payload_indexes": indexes})
    else:
        named = ", ".join(f"{name} ({kind})" for name, kind in wanted.items())
        console().print(f"{plain(where)} is indexed by {plain(named)}")
