"""``augury search``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ..errors import FilterError
from .options import llm_options, set_llm
from .terminal import console, echo_json, json_option, plain, without_controls

if TYPE_CHECKING:
    from ..schemas.expansion import Expansion
    from ..schemas.hit import Hit, SearchResult
    from ..schemas.profile import Profile

_SNIPPET_CHARS = 240
_MOST_HITS = 10_000


def _branches(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    unknown = [name for name in names if name not in ("scenarios", "dense", "sparse")]
    if unknown or not names:
        raise click.BadParameter(f"{value!r} is not a list of scenarios, dense and sparse.")
    return names


@click.command()
@click.argument("where", metavar="INDEX")
@click.argument("query")
@click.option(
    "--limit", "-n", type=click.IntRange(1, _MOST_HITS), default=10, show_default=True, help="Most hits."
)
@click.option(
    "--branches",
    callback=_branches,
    metavar="NAME,...",
    help="Any of scenarios, dense, sparse  [default: the index's]",
)
@click.option(
    "--where", "clauses", multiple=True, metavar="KEY=VALUE", help="Condition on metadata. Repeatable."
)
@click.option("--filter", "filter_json", metavar="JSON", help="A Qdrant filter as JSON.")
@click.option("--alpha", type=click.FloatRange(0, 1), help="Weight of the passage against its scenarios.")
@click.option("--fusion", type=click.Choice(["rrf", "dbsf"]), help="How branches are fused.")
@click.option("--candidates", type=click.IntRange(1, _MOST_HITS), help="Passages taken from each branch.")
@click.option(
    "--expand",
    type=click.Choice(["off", "rules", "llm", "auto"]),
    help="Add to the query: by the rules, by an LLM too, or by it only where the first search is unsure.",
)
@click.option("--rules", metavar="FILE", help="A TOML file of abbreviations and synonyms.")
@llm_options
@click.option("--passages", is_flag=True, help="One hit per passage instead of per document.")
@json_option
def search(
    where: str,
    query: str,
    limit: int,
    branches: Any,
    clauses: tuple[str, ...],
    filter_json: str | None,
    alpha: float | None,
    fusion: Any,
    candidates: int | None,
    expand: Any,
    rules: str | None,
    passages: bool,
    as_json: bool,
    **llm: Any,
) -> None:
    """Search INDEX for QUERY.

    Fused scores depend on the lists they were fused from: compare them within one search only.

    On a terminal each hit shows the scenario that matched and how near it is; piped, one line a hit with
    rank, score, id, title, similarity and scenario between tabs.

    \b
    augury search my-index "my cake collapsed in the middle"
    augury search my-index "tax on a second flat" --where 'year>=2020' --where country=France
    augury search my-index "turbulent flow" --branches dense -n 100 --json
    augury search my-index "BL transition" --rules rules.toml
    augury search my-index "why do wings flutter" --expand llm --llm-url http://localhost:8000/v1
    augury search my-index "a need" --filter '{"must": [{"key": "metadata.tags", "match": {"any": ["a"]}}]}'
    """
    from .. import SearchOptions
    from .. import open as open_index
    from .. import where as where_filter

    if expand == "rules" and rules is None:
        raise click.UsageError("--expand rules needs a table. Name it with --rules FILE.")
    filter = where_filter(clauses, _parsed(filter_json))
    options = SearchOptions(
        limit=limit,
        branches=branches,
        filter=filter,
        alpha=alpha,
        fusion=fusion,
        candidates=candidates,
        expand=expand,
        group=not passages,
    )
    with open_index(
        where, create=False, profile=lambda profile: _with_llm(profile, **llm), rules=rules
    ) as index:
        if rules and expand is None and index.profile.expansion.mode == "off":
            options = options.model_copy(update={"expand": "rules"})
        result = index.retriever.search(query, options)
    if as_json:
        echo_json(result.model_dump(mode="json"))
    elif console().is_terminal:
        show(result)
    else:
        for rank, hit in enumerate(result.hits, start=1):
            click.echo("\t".join(_cells(rank, hit)))
        if not result.hits:
            click.echo("No hit.", err=True)
        if result.expansion and result.expansion.note:
            click.echo(without_controls(result.expansion.note), err=True)


def show(result: SearchResult) -> None:
    """The hits for a person."""
    out = console()
    for rank, hit in enumerate(result.hits, start=1):
        heading = plain(hit.title or hit.doc_id)
        out.print(f"[bold cyan]{rank:>2}[/] [bold]{heading}[/]  [dim]{plain(hit.doc_id)}[/]")
        places = "  ".join(
            f"{name} #{place.rank} ({place.score:.3f})" for name, place in hit.branches.items()
        )
        out.print(f"   [dim]{hit.score:.4f}  {places}[/]")
        if hit.scenario:
            out.print(f"   [green]{hit.scenario.similarity:.2f}[/] {plain(hit.scenario.need)}")
        snippet = without_controls(hit.text)
        out.print(f"   {plain(snippet[:_SNIPPET_CHARS])}{'…' if len(snippet) > _SNIPPET_CHARS else ''}")
    if not result.hits:
        out.print("No hit. Widen the filter, or see what is there: augury status INDEX")
    if result.expansion:
        show_expansion(result.expansion)
    spent = "  ".join(f"{stage} {ms:.0f}" for stage, ms in result.timings_ms.items())
    out.print(f"[dim]ms: {spent}[/]")


def show_expansion(expansion: Expansion) -> None:
    """What was added to the query, for a person."""
    out = console()
    if expansion.unsure is not None:
        out.print(f"[dim]The first search was {'unsure' if expansion.unsure else 'sure'}.[/]")
    for text in (expansion.rules, *expansion.passages):
        if text:
            out.print(f"[magenta]expanded[/] {plain(text)}")
    if expansion.note:
        out.print(f"[yellow]note[/] {plain(expansion.note)}")


def _with_llm(profile: Profile, **llm: Any) -> Profile:
    changes = profile.model_dump()
    set_llm(changes, **llm)
    return type(profile).model_validate(changes)


def _cells(rank: int, hit: Hit) -> list[str]:
    scenario = (f"{hit.scenario.similarity:.4f}", hit.scenario.need) if hit.scenario else ("", "")
    cells = [str(rank), f"{hit.score:.6f}", hit.doc_id, hit.title, *scenario]
    return [without_controls(cell) for cell in cells]


def _parsed(filter_json: str | None) -> dict[str, Any] | None:
    if filter_json is None:
        return None
    try:
        filter = json.loads(filter_json)
    except ValueError as error:
        raise FilterError(
            f"--filter is not JSON ({error})",
            'Write it as {"must": [{"key": "metadata.year", "range": {"gte": 2020}}]}',
        ) from error
    if not isinstance(filter, dict):
        raise FilterError("--filter is not a JSON object", 'Write it as {"must": [...]}')
    return filter
