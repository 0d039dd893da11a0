"""Two runs of the same queries: which is better, how sure that is, and where they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..schemas.evaluation import Changed, Comparison, Difference
from .evaluate import first_documents, mean_of
from .measure import Run, per_query
from .qrels_file import Qrels
from .run import check_run
from .statistics import paired_p

_MOST_CHANGED = 10


def compare(
    run_a: Run,
    run_b: Run,
    qrels: Qrels,
    measure: str = "nDCG@10",
    *,
    texts: Mapping[str, str] | None = None,
    names: tuple[str, str] = ("the first run", "the second run"),
    changed: int = _MOST_CHANGED,
) -> Comparison:
    """``compare(read_run(a), read_run(b), dataset.qrels).difference``: b minus a, over every judged query.

    A judged query that a run lacks counts as 0 for it, which ``notes`` tell.

    Args:
        texts: of queries, for ``won`` and ``lost``.
        names: of the runs, for errors and notes.
        changed: how many of the queries that changed most are kept, won and lost each.

    Raises:
        UsageError: a measure that is none.
        SourceError: a run that has none of the judged queries.
    """
    notes = []
    for run, name in zip((run_a, run_b), names, strict=True):
        known = check_run(run, qrels, name)
        if known < len(qrels):
            notes.append(
                f"{name} lacks judged queries, which count as 0: {len(qrels) - known} of {len(qrels)}."
            )
        if len(run) > known:
            notes.append(f"{name} has queries that nobody judged, which are left out: {len(run) - known}.")
    (values_a,), (values_b,) = (per_query(qrels, run, [measure]).values() for run in (run_a, run_b))
    gains = {query: values_b[query] - values_a[query] for query in qrels}
    a, b = list(values_a.values()), list(values_b.values())
    order = sorted(gains, key=lambda query: gains[query])

    def told(queries: Sequence[str]) -> tuple[Changed, ...]:
        return tuple(
            Changed(
                query_id=query,
                text=(texts or {}).get(query, ""),
                a=values_a[query],
                b=values_b[query],
                top_a=tuple(first_documents(run_a, qrels, query)),
                top_b=tuple(first_documents(run_b, qrels, query)),
            )
            for query in queries
        )

    won = [query for query in reversed(order) if gains[query] > 0]
    lost = [query for query in order if gains[query] < 0]
    return Comparison(
        measure=measure,
        a=mean_of(a),
        b=mean_of(b),
        difference=Difference(**mean_of(list(gains.values())).model_dump(), p=paired_p(a, b)),
        queries=len(qrels),
        better=len(won),
        worse=len(lost),
        same=len(qrels) - len(won) - len(lost),
        won=told(won[:changed]),
        lost=told(lost[:changed]),
        notes=tuple(notes),
    )
