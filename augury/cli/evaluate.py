"""``augury evaluate``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .opening import open_for_search, parsed_filter, split_models
from .options import dataset_options, llm_options, search_options, server_options
from .settings import Settings
from .show_evaluation import show_ablation, show_evaluation
from .terminal import console, echo_json, json_option, plain, progress

if TYPE_CHECKING:
    from ..connector.index import Index
    from ..connector.query.planner import SearchOptions
    from ..evaluation.dataset import Dataset
    from ..evaluation.details import DetailsWriter
    from ..schemas.details import QueryDetails
    from ..schemas.evaluation import Ablation, Evaluation

    Details = Callable[[str, QueryDetails], None]


def _writable(_: click.Context, __: click.Parameter, value: Path | None) -> Path | None:
    """A file that can be written later: no evaluation shall end for want of a folder."""
    if value is not None and not value.absolute().parent.is_dir():
        raise click.BadParameter(f"There is no folder {value.parent}. Make it first.")
    return value


_OUTPUT = click.Path(dir_okay=False, writable=True, path_type=Path)


@click.command(short_help="Measure searches of an index on judged queries.")
@click.argument("where", metavar="INDEX")
@dataset_options
@search_options
@llm_options
@server_options
@click.option("--ablate", "ablation", is_flag=True, help="Measure each part of a search, and all together.")
@click.option("--depth", type=click.IntRange(1, 10_000), help="Documents kept of a search  [default: 100]")
@click.option("--limit-queries", type=click.IntRange(1), metavar="N", help="Only the first N queries.")
@click.option(
    "--run",
    "run_file",
    type=_OUTPUT,
    callback=_writable,
    help="Write the documents found as TREC does; with --ablate one file a row, named after it. "
    "FILE.jsonl beside it says why they are where they are.",
)
@click.option(
    "--html", "html_file", type=_OUTPUT, callback=_writable, help="Write a report with plots, in one file."
)
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
@json_option
def evaluate(
    where: str,
    dataset: str | None,
    split: str,
    queries: Path | None,
    qrels: Path | None,
    exclude_self: bool | None,
    measures: tuple[str, ...],
    clauses: tuple[str, ...],
    filter_json: str | None,
    ablation: bool,
    depth: int | None,
    limit_queries: int | None,
    run_file: Path | None,
    html_file: Path | None,
    quiet: bool,
    as_json: bool,
    **choices: Any,
) -> None:
    """Search INDEX for judged queries, and say how good the hits are, how sure that is, and how long it took.

    Intervals are 95 % bootstrap intervals over queries. With --ablate each branch is measured alone, then
    fused, expanded and reranked as far as the index or the options name what that takes; p is of a paired
    randomisation test against the first row, corrected for the number of rows. A query that fails counts as
    0, and the command then ends with 1.

    \b
    augury evaluate my-index --dataset scifact/
    augury evaluate my-index --dataset beir/scifact/test -m nDCG@10 -m RR@10
    augury evaluate my-index --queries queries.tsv --qrels qrels.txt --branches dense --run dense.run
    augury evaluate my-index --dataset scifact/ --ablate --html report.html
    augury evaluate my-index --dataset scifact/ --ablate --rerank 50 --cross-encoder MODEL --json
    """
    from ..evaluation.dataset import open_dataset
    from ..evaluation.details import DetailsWriter
    from ..evaluation.evaluate import MEASURES
    from ..evaluation.measure import parsed

    wanted = measures or MEASURES
    parsed(wanted)
    if html_file is not None:
        from ..evaluation.plots import require_matplotlib

        require_matplotlib()
    judged = open_dataset(
        dataset, split=split, queries=queries, qrels=qrels, exclude_self=exclude_self
    ).limited(limit_queries)
    models, searched = split_models(choices)
    settings = Settings(**searched, clauses=clauses, base_filter=parsed_filter(filter_json))
    with open_for_search(where, settings, **models) as index, DetailsWriter() as writer:
        details = partial(_write_details, writer, run_file) if run_file and _is_file(run_file) else None
        found: Evaluation | Ablation
        if ablation:
            found = _ablate(index, judged, settings.options(), wanted, depth, details, quiet=quiet or as_json)
            rows = {row.name: row.evaluation for row in found.rows}
        else:
            found = _evaluate(
                index, judged, settings.options(), wanted, depth, details, quiet=quiet or as_json
            )
            rows = {"": found}
        written = _write_runs(run_file, rows, writer if details else None)
    written += _write_html(html_file, found)
    if as_json:
        echo_json(found.model_dump(mode="json", exclude=_runs_of(found)))
    else:
        _show(found, written)
    if any(evaluation.queries.failed for evaluation in rows.values()):
        raise SystemExit(1)


def _evaluate(
    index: Index,
    dataset: Dataset,
    options: SearchOptions,
    measures: tuple[str, ...],
    depth: int | None,
    details: Details | None,
    *,
    quiet: bool,
) -> Evaluation:
    from ..evaluation.evaluate import evaluate as run

    with progress("Evaluating", len(dataset.queries), quiet=quiet) as advance:
        return run(
            index,
            dataset,
            options,
            measures,
            depth=depth,
            progress=lambda done, _: advance(done),
            details=partial(details, "") if details else None,
        )


def _ablate(
    index: Index,
    dataset: Dataset,
    options: SearchOptions,
    measures: tuple[str, ...],
    depth: int | None,
    details: Details | None,
    *,
    quiet: bool,
) -> Ablation:
    from ..evaluation.ablate import ablate, rows

    names = [name for name, row in rows(index, options) if not isinstance(row, str)]
    each = len(dataset.queries)
    with progress("Evaluating", each * len(names), quiet=quiet) as advance:
        return ablate(
            index,
            dataset,
            measures,
            options,
            depth=depth,
            progress=lambda name, done, _: advance(names.index(name) * each + done),
            details=details,
        )


def _write_details(writer: DetailsWriter, path: Path, row: str, details: QueryDetails) -> None:
    writer(_run_path(path, row), details)


def _is_file(path: Path) -> bool:
    """Or will be one, unlike /dev/stdout: beside it there is room for the details."""
    return not path.exists() or (path.is_file() and not path.is_symlink())


def _write_runs(path: Path | None, rows: dict[str, Evaluation], writer: DetailsWriter | None) -> list[Path]:
    """The runs, each with the details that were written on the way."""
    if path is None:
        return []
    from ..evaluation.run import write_run

    written = []
    for row, evaluation in rows.items():
        each = _run_path(path, row)
        write_run(each, evaluation.run, f"augury{_suffix(row)}")
        written += [each, writer.keep(each)] if writer else [each]
    return written


def _run_path(path: Path, row: str) -> Path:
    """``mine.run``, or for a row ``mine.dense.run``."""
    return path.with_name(f"{path.stem}{_suffix(row)}{path.suffix}")


def _suffix(row: str) -> str:
    return f".{row.replace(' + ', '-')}" if row else ""


def _write_html(path: Path | None, found: Evaluation | Ablation) -> list[Path]:
    if path is None:
        return []
    from ..evaluation.html import write_report

    write_report(path, found)
    return [path]


def _runs_of(found: Evaluation | Ablation) -> Any:
    """Where the runs are, which JSON leaves out: they are long, and --run writes them."""
    from ..schemas.evaluation import Evaluation

    return {"run"} if isinstance(found, Evaluation) else {"rows": {"__all__": {"evaluation": {"run"}}}}


def _show(found: Evaluation | Ablation, written: list[Path]) -> None:
    from ..schemas.evaluation import Evaluation

    if isinstance(found, Evaluation):
        show_evaluation(found)
    else:
        show_ablation(found)
    for path in written:
        console().print(f"Wrote {plain(str(path))}")
