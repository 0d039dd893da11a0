"""``augury compare``."""

from __future__ import annotations

from pathlib import Path

import click

from .options import dataset_options
from .show_evaluation import show_comparisons
from .terminal import echo_json, json_option

_RUN = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="Say which of two runs is better, and where they differ.")
@click.argument("run_a", metavar="RUN", type=_RUN)
@click.argument("run_b", metavar="RUN", type=_RUN)
@dataset_options
@json_option
def compare(
    run_a: Path,
    run_b: Path,
    dataset: str | None,
    split: str,
    queries: Path | None,
    qrels: Path | None,
    exclude_self: bool | None,
    measures: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compare two run files (TREC's format, as evaluate --run writes them) on the same judgements.

    The difference comes with its 95 % bootstrap interval and the p value of a paired randomisation test. The
    queries that changed most are shown with the first documents of both runs and, in parentheses, what these
    were judged to be (? for not judged).

    \b
    augury compare dense.run fused.run --dataset scifact/
    augury compare old.run new.run --queries queries.tsv --qrels qrels.txt -m nDCG@10 -m R@100 --json
    """
    from ..evaluation.compare import compare as compared
    from ..evaluation.dataset import open_dataset
    from ..evaluation.evaluate import MEASURES
    from ..evaluation.measure import parsed
    from ..evaluation.run import read_run, without

    wanted = list(parsed(measures or MEASURES))
    judged = open_dataset(dataset, split=split, queries=queries, qrels=qrels, exclude_self=exclude_self)
    dropped = {query: judged.dropped(query) for query in judged.queries}
    runs = [without(read_run(path), dropped) for path in (run_a, run_b)]
    names = (str(run_a), str(run_b))
    found = [
        compared(runs[0], runs[1], judged.qrels, measure, texts=judged.queries, names=names)
        for measure in wanted
    ]
    if as_json:
        comparisons = [each.model_dump(mode="json") for each in found]
        echo_json({"a": names[0], "b": names[1], "dataset": judged.name, "comparisons": comparisons})
    else:
        show_comparisons(found, names)
