"""``augury compare``."""

from __future__ import annotations

from pathlib import Path

import click

from .options import dataset_options
from .show_comparison import show_comparisons
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
    queries that changed most are shown with their relevant documents and those that came before them: ranks
    in both runs (a -> b), in each branch and after reranking, the scenario that matched, and why they moved
    where the ranks tell it. That is read from the details that evaluate --run writes beside a run; without
    any, the first documents of both runs are shown with what they were judged to be (? for not judged).

    \b
    augury compare dense.run fused.run --dataset scifact/
    augury compare old.run new.run --queries queries.tsv --qrels qrels.txt -m nDCG@10 -m R@100 --json
    """
    from ..evaluation.compare import compare as compared
    from ..evaluation.dataset import open_dataset
    from ..evaluation.evaluate import MEASURES
    from ..evaluation.explain import details_beside, explained
    from ..evaluation.measure import parsed
    from ..evaluation.run import read_run, without

    wanted = list(parsed(measures or MEASURES))
    judged = open_dataset(dataset, split=split, queries=queries, qrels=qrels, exclude_self=exclude_self)
    dropped = {query: judged.dropped(query) for query in judged.queries}
    paths, written = (run_a, run_b), (read_run(run_a), read_run(run_b))
    runs = (without(written[0], dropped), without(written[1], dropped))
    names = (str(run_a), str(run_b))
    found = [compared(*runs, judged.qrels, measure, texts=judged.queries, names=names) for measure in wanted]
    changed = {query.query_id for each in found for query in (*each.won, *each.lost)}
    (details_a, note_a), (details_b, note_b) = (
        details_beside(path, run, changed) for path, run in zip(paths, written, strict=True)
    )
    notes = tuple(dict.fromkeys(note for note in (note_a, note_b) if note))
    found = [
        explained(each, runs, (details_a, details_b), judged.qrels).model_copy(
            update={"notes": each.notes + notes}
        )
        for each in found
    ]
    if as_json:
        comparisons = [each.model_dump(mode="json") for each in found]
        echo_json({"a": names[0], "b": names[1], "dataset": judged.name, "comparisons": comparisons})
    else:
        show_comparisons(found, names)
