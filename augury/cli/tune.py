"""``augury tune``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .opening import open_for_search, parsed_filter, split_models
from .options import dataset_options, llm_options, server_options, tuning_options
from .settings import Settings
from .show_tuning import show_tuning
from .terminal import echo_json, json_option, progress

if TYPE_CHECKING:
    from ..connector.index import Index
    from ..evaluation.dataset import Dataset
    from ..schemas.tuning import Tuning


@click.command(short_help="Find better search settings for an index, from judged queries.")
@click.argument("where", metavar="INDEX")
@dataset_options
@tuning_options
@llm_options
@server_options
@click.option(
    "--folds", type=click.IntRange(2, 50), default=5, show_default=True, help="For cross-validation."
)
@click.option("--limit-queries", type=click.IntRange(1), metavar="N", help="Only the first N queries.")
@click.option("--dry-run", is_flag=True, help="Say what would be changed, and change nothing.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
@json_option
def tune(
    where: str,
    dataset: str | None,
    split: str,
    queries: Path | None,
    qrels: Path | None,
    exclude_self: bool | None,
    measures: tuple[str, ...],
    clauses: tuple[str, ...],
    filter_json: str | None,
    folds: int,
    limit_queries: int | None,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
    **choices: Any,
) -> None:
    """Find alpha, the pool over scenarios, branches, weights, fusion, reranking and, with --expand auto, when
    an LLM's passages are worth it; then have INDEX search with them.

    Every query is searched once, in all branches; the rest is arithmetic on what was found. Each setting is
    changed only where that helps queries that did not choose its value, with the 95 % interval above 0; the
    others stay. The measure after is cross-validated. Measure the result on other queries than these.

    \b
    augury tune my-index --dataset collection/ --split dev
    augury tune my-index --queries queries.tsv --qrels judgements.qrels -m R@20 --dry-run
    augury tune my-index --dataset collection/ --split train --cross-encoder MODEL --json
    """
    from ..evaluation.dataset import open_dataset

    if len(measures) > 1:
        raise click.UsageError("Settings can be tuned for one measure only. Name one.")
    judged = open_dataset(
        dataset, split=split, queries=queries, qrels=qrels, exclude_self=exclude_self
    ).limited(limit_queries)
    models, searched = split_models(choices)
    settings = Settings(**searched, clauses=clauses, base_filter=parsed_filter(filter_json))
    measure = measures[0] if measures else "nDCG@10"
    with open_for_search(where, settings, **models) as index:
        found = _tuned(index, judged, measure, settings, folds, write=not dry_run, quiet=quiet or as_json)
    if as_json:
        echo_json(found.model_dump(mode="json"))
    else:
        show_tuning(found, where)


def _tuned(
    index: Index, judged: Dataset, measure: str, settings: Settings, folds: int, *, write: bool, quiet: bool
) -> Tuning:
    from ..evaluation.tuning.tune import tune as find

    count = len(judged.queries)
    with progress("Tuning", count + folds + 1, quiet=quiet) as advance:
        return find(
            index,
            judged,
            measure,
            settings.options(),
            folds=folds,
            write=write,
            progress=lambda stage, done, _: advance(done if stage == "searching" else count + done),
        )
