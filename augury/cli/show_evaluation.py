"""Evaluations and ablations for a person."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .tables import print_table
from .terminal import console, plain

if TYPE_CHECKING:
    from ..schemas.evaluation import Ablation, Evaluation, Mean

_FAILURES = 10


def show_evaluation(found: Evaluation) -> None:
    """Measures, latency by stage, notes and the first queries that failed."""
    _heading(found)
    print_table(
        ["measure", "mean", "95 % interval"],
        [[name, f"{value.mean:.3f}", between(value)] for name, value in found.measures.items()],
    )
    console().print()
    print_table(
        ["stage", "p50 ms", "p95 ms"],
        [[stage, f"{spent.p50_ms:.1f}", f"{spent.p95_ms:.1f}"] for stage, spent in found.latency.items()],
    )
    show_notes(found.notes)
    _failures(found)


def show_ablation(found: Ablation) -> None:
    """A table for each measure, and what was not run."""
    from ..evaluation.statistics import p_text

    first = found.rows[0]
    _heading(first.evaluation)
    for name in first.evaluation.measures:
        rows = []
        for row in found.rows:
            value, against = row.evaluation.measures[name], row.differences.get(name)
            total = row.evaluation.latency.get("total")
            rows.append(
                [
                    row.name,
                    f"{value.mean:.3f}",
                    between(value),
                    f"{against.mean:+.3f}" if against else "",
                    p_text(against.p) if against else "",
                    f"{total.p50_ms:.1f}" if total else "",
                    f"{total.p95_ms:.1f}" if total else "",
                ]
            )
        head = [name, "mean", "95 % interval", f"- {first.name}", "p (Holm)", "p50 ms", "p95 ms"]
        print_table(head, rows)
        console().print()
    for skipped in found.skipped:
        console().print(f"[dim]{plain(skipped.name)} was not run: {plain(skipped.reason)}[/]")
    show_notes(dict.fromkeys(note for row in found.rows for note in row.evaluation.notes))
    for row in found.rows:
        _failures(row.evaluation)


def _heading(found: Evaluation) -> None:
    counts = found.queries
    console().print(
        f"[bold]{plain(found.dataset)}[/] on {plain(found.index)}: {counts.searched} queries, "
        f"{found.depth} documents each; {counts.without_hits} without hits, {counts.failed} failed\n"
    )


def between(value: Mean, sign: str = "") -> str:
    """``0.072 to 0.269``: the interval."""
    return f"{value.low:{sign}.3f} to {value.high:{sign}.3f}"


def show_notes(notes: Iterable[str]) -> None:
    """What may make the numbers say less than they seem to."""
    for note in notes:
        console().print(f"[yellow]note[/] {plain(note)}")


def _failures(found: Evaluation) -> None:
    failed = [outcome for outcome in found.outcomes if outcome.error]
    for outcome in failed[:_FAILURES]:
        console().print(f"[red]failed[/] {plain(outcome.query_id)}: {plain(outcome.error)}")
    if len(failed) > _FAILURES:
        console().print(f"... and {len(failed) - _FAILURES} more")
