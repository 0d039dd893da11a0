"""``augury search``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ..errors import AuguryError, FilterError
from .options import llm_options, set_llm
from .settings import Settings
from .show import show
from .terminal import echo_json, error_json, json_option

if TYPE_CHECKING:
    from ..connector.index import Index
    from ..schemas.profile import Profile

_MOST_HITS = 10_000


def _read(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    """An option that is written as ``:set`` of the prompt writes it."""
    if value is None:
        return None
    settings = Settings()
    try:
        settings.set(str(parameter.name), value)
    except AuguryError as error:
        raise click.BadParameter(str(error), ctx, parameter) from error
    return getattr(settings, str(parameter.name))


@click.command()
@click.argument("where", metavar="INDEX")
@click.argument("query", required=False)
@click.option(
    "--limit", "-n", type=click.IntRange(1, _MOST_HITS), default=10, show_default=True, help="Most hits."
)
@click.option(
    "--branches",
    callback=_read,
    metavar="NAME,...",
    help="Any of scenarios, dense, sparse  [default: the index's]",
)
@click.option(
    "--where", "clauses", multiple=True, metavar="KEY=VALUE", help="Condition on metadata. Repeatable."
)
@click.option("--filter", "filter_json", metavar="JSON", help="A Qdrant filter as JSON.")
@click.option("--alpha", type=click.FloatRange(0, 1), help="Weight of the passage against its scenarios.")
@click.option("--fusion", type=click.Choice(["rrf", "dbsf", "weighted"]), help="How branches are fused.")
@click.option(
    "--weights", callback=_read, metavar="NAME=NUMBER,...", help="Weights of the branches when fused."
)
@click.option("--candidates", type=click.IntRange(1, _MOST_HITS), help="Passages taken from each branch.")
@click.option(
    "--rerank",
    type=click.IntRange(0, _MOST_HITS),
    metavar="N",
    help="Score the best N candidates again; 0 for none  [default: the index's]",
)
@click.option(
    "--reranker",
    type=click.Choice(["hypencoder", "cross-encoder"]),
    help="By what  [default: the index's, or the one that is named]",
)
@click.option(
    "--rerank-weight", type=click.FloatRange(0, 1), help="The reranker's share of the score  [default: 0.5]"
)
@click.option("--hypencoder", metavar="MODEL", help="A Hypencoder that reads the index's dense vectors.")
@click.option("--cross-encoder", metavar="MODEL", help="A cross-encoder: a folder or a hub name.")
@click.option(
    "--diversity", type=click.FloatRange(0, 1), help="How much a hit loses for being like those before it."
)
@click.option(
    "--expand",
    type=click.Choice(["off", "rules", "llm", "auto"]),
    help="Add to the query: by the rules, by an LLM too, or by it only where the first search is unsure.",
)
@click.option("--rules", metavar="FILE", help="A TOML file of abbreviations and synonyms.")
@llm_options
@click.option("--passages", is_flag=True, help="One hit per passage instead of per document.")
@click.option("--explain", is_flag=True, help="Say where each stage put each hit, the plan, and timings.")
@json_option
def search(
    where: str,
    query: str | None,
    clauses: tuple[str, ...],
    filter_json: str | None,
    hypencoder: str | None,
    cross_encoder: str | None,
    rules: str | None,
    passages: bool,
    as_json: bool,
    llm_url: str | None,
    llm_model: str | None,
    llm_concurrency: int | None,
    llm_timeout: float | None,
    **choices: Any,
) -> None:
    """Search INDEX for QUERY. Without QUERY a prompt opens, or queries are read from standard input, one a
    line; there, :help tells what else a line can be.

    Fused scores depend on the lists they were fused from: compare them within one search only.

    On a terminal each hit shows the scenario that matched and how near it is; piped, one line a hit with
    rank, score, id, title, similarity and scenario between tabs.

    \b
    augury search my-index "my cake collapsed in the middle"
    augury search my-index
    augury search my-index "tax on a second flat" --where 'year>=2020' --where country=France
    augury search my-index "turbulent flow" --branches dense -n 100 --json
    augury search my-index "turbulent flow" --explain
    augury search my-index "tired all day" --rerank 50 --cross-encoder cross-encoder/ms-marco-MiniLM-L6-v2
    augury search my-index "BL transition" --rules rules.toml
    augury search my-index "why do wings flutter" --expand llm --llm-url http://localhost:8000/v1
    augury search my-index "a need" --filter '{"must": [{"key": "metadata.tags", "match": {"any": ["a"]}}]}'
    """
    from .. import open as open_index

    settings = Settings(**choices, clauses=clauses, base_filter=_parsed(filter_json), group=not passages)
    if settings.expand == "rules" and rules is None:
        raise click.UsageError("--expand rules needs a table. Name it with --rules FILE.")
    if hypencoder and cross_encoder:
        raise click.UsageError("Only one reranker can be named: --hypencoder or --cross-encoder.")
    settings.options()  # a wrong condition costs no loading of models

    def chosen(profile: Profile) -> Profile:
        changes = profile.model_dump()
        set_llm(changes, llm_url, llm_model, llm_concurrency, llm_timeout)
        if cross_encoder:
            changes["rerank"].update(by="cross-encoder", cross_encoder=cross_encoder)
        if hypencoder:
            changes["rerank"]["by"] = "hypencoder"
            if hypencoder != (changes["hypencoder"] or {}).get("model"):
                changes["hypencoder"] = {"model": hypencoder, "reads": "dense"}
        return type(profile).model_validate(changes)

    with open_index(where, create=False, profile=chosen, rules=rules) as index:
        if rules and settings.expand is None and index.profile.expansion.mode == "off":
            settings.expand = "rules"
        if query is not None:
            _one(index, query, settings, as_json=as_json)
        elif _many(index, settings, as_json=as_json):
            raise SystemExit(1)


def _one(index: Index, query: str, settings: Settings, *, as_json: bool) -> None:
    result = index.retriever.search(query, settings.options())
    if as_json:
        left_out = None if settings.explain else {"plan"}
        echo_json(result.model_dump(mode="json", exclude=left_out))
    else:
        show(result, explain=settings.explain)


def _many(index: Index, settings: Settings, *, as_json: bool) -> int:
    """The prompt; how many lines failed."""
    from ..connector.query.filter_fields import metadata_fields
    from .prompt import run

    retriever = index.retriever

    def one(query: str) -> None:
        try:
            _one(index, query, settings, as_json=as_json)
        except AuguryError as error:
            if as_json:  # every query has its line
                echo_json({"query": query, "error": error_json(error)})
            raise

    return run(
        one,
        settings,
        fields=metadata_fields(index.store, index.profile.payload_indexes),
        plan=lambda query: retriever.plan(query, settings.options()).model_dump_json(indent=2),
    )


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
