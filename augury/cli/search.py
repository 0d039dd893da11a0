"""``augury search``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from ..errors import AuguryError
from .opening import open_for_search, parsed_filter, split_models
from .options import MOST_HITS, llm_options, search_options, server_options
from .settings import Settings
from .show import show
from .terminal import echo_json, error_json, json_option

if TYPE_CHECKING:
    from ..connector.index import Index


@click.command()
@click.argument("where", metavar="INDEX")
@click.argument("query", required=False)
@click.option(
    "--limit", "-n", type=click.IntRange(1, MOST_HITS), default=10, show_default=True, help="Most hits."
)
@search_options
@llm_options
@server_options
@click.option("--passages", is_flag=True, help="One hit per passage instead of per document.")
@click.option("--explain", is_flag=True, help="Say where each stage put each hit, the plan, and timings.")
@json_option
def search(
    where: str,
    query: str | None,
    clauses: tuple[str, ...],
    filter_json: str | None,
    passages: bool,
    as_json: bool,
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
    augury search their-index "my invoice" --tenant acme
    augury search my-index "tired all day" --rerank 50 --cross-encoder cross-encoder/ms-marco-MiniLM-L6-v2
    augury search my-index "turbulent flow" --by-qnet gradient
    augury search my-index "BL transition" --rules rules.toml
    augury search my-index "why do wings flutter" --expand llm --llm-url http://localhost:8000/v1
    augury search my-index "a need" --filter '{"must": [{"key": "metadata.tags", "match": {"any": ["a"]}}]}'
    """
    models, searched = split_models(choices)
    settings = Settings(
        **searched, clauses=clauses, base_filter=parsed_filter(filter_json), group=not passages
    )
    with open_for_search(where, settings, **models) as index:
        if query is not None:
            _one(index, query, settings, as_json=as_json)
        elif _many(index, settings, as_json=as_json):
            raise SystemExit(1)


def _one(index: Index, query: str, settings: Settings, *, as_json: bool) -> None:
    plan = index.retriever.plan(query, settings.options())
    for kind in (plan.rerank and plan.rerank.by, plan.qnet and "hypencoder"):
        if kind:
            index.models.reranker(kind)  # loaded before the clock runs
    [result] = index.retriever.run([plan])
    if as_json:
        left_out = None if settings.explain else {"plan"}
        echo_json(result.model_dump(mode="json", exclude=left_out))
    else:
        show(result, explain=settings.explain)


def _many(index: Index, settings: Settings, *, as_json: bool) -> int:
    """The prompt; how many lines failed."""
    from ..connector.query.filter_fields import metadata_fields
    from ..connector.query.planner import confined
    from .prompt import run

    retriever = index.retriever
    mine = confined(index.profile, settings.tenant)

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
        fields=metadata_fields(index.store, index.profile, mine),
        plan=lambda query: retriever.plan(query, settings.options()).model_dump_json(indent=2),
        echo=partial(click.echo, err=True) if as_json else click.echo,
    )
