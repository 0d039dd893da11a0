"""Evaluations, ablations and comparisons for a person."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .tables import print_table
from .terminal import console, plain

if TYPE_CHECKING:
    from ..schemas.evaluation import Ablation, Changed, Comparison, Evaluation, Mean, Ranked
    from ..schemas.tuning import Tuning

_FAILURES = 10
_CHANGED = 5
_TEXT_CHARS = 90


def show_evaluation(found: Evaluation) -> None:
    """Measures, latency by stage, notes and the first queries that failed."""
    _heading(found)
    print_table(
        ["measure", "mean", "95 % interval"],
        [[name, f"{value.mean:.3f}", _between(value)] for name, value in found.measures.items()],
    )
    console().print()
    print_table(
        ["stage", "p50 ms", "p95 ms"],
        [[stage, f"{spent.p50_ms:.1f}", f"{spent.p95_ms:.1f}"] for stage, spent in found.latency.items()],
    )
    _notes(found.notes)
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
                    _between(value),
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
    _notes(dict.fromkeys(note for row in found.rows for note in row.evaluation.notes))
    for row in found.rows:
        _failures(row.evaluation)


def show_comparisons(found: list[Comparison], names: tuple[str, str]) -> None:
    """The means of both runs on each measure, and the queries that changed most on the first."""
    from ..evaluation.statistics import p_text

    console().print(f"a: {plain(names[0])}\nb: {plain(names[1])}\n")
    rows = [
        [
            each.measure,
            f"{each.a.mean:.3f}",
            f"{each.b.mean:.3f}",
            f"{each.difference.mean:+.3f}",
            _between(each.difference, "+"),
            p_text(each.difference.p),
            f"{each.better}/{each.worse}/{each.same}",
        ]
        for each in found
    ]
    head = ["measure", "a", "b", "b - a", "95 % interval", "p", "better/worse/same"]
    print_table(head, rows)
    for title, changed in (("b wins most", found[0].won), ("b loses most", found[0].lost)):
        if changed:
            console().print(f"\n[bold]{title}[/], by {plain(found[0].measure)}")
        for each in changed[:_CHANGED]:
            _changed(each)
    _notes(found[0].notes)


def show_tuning(found: Tuning, where: str) -> None:
    """Each setting before and after, and what all of them are worth."""
    from ..evaluation.statistics import p_text

    out = console()
    out.print(
        f"[bold]{plain(found.dataset)}[/] on {plain(where)}: {found.queries} queries, {found.folds} folds\n"
    )
    rows = [
        [
            each.name,
            each.before,
            each.after if each.changed else "as before",
            each.best if each.gain and each.best != each.before else "",
            f"{each.gain.mean:+.3f}" if each.gain else "",
            _between(each.gain, "+") if each.gain else "",
        ]
        for each in found.settings
    ]
    head = ["setting", "before", "after", "best of all", "gain", "95 % interval"]
    print_table(head, rows, text=(0, 1, 2, 3))
    out.print()
    both = [("before", found.before), ("after, cross-validated", found.after)]
    print_table(
        [found.measure, "mean", "95 % interval"],
        [[name, f"{value.mean:.3f}", _between(value)] for name, value in both],
    )
    out.print(
        f"\nGain {found.difference.mean:+.3f}, 95 % interval {_between(found.difference, '+')}, "
        f"p {p_text(found.difference.p)}"
    )
    for each in found.settings:
        if each.reason and not each.gain:
            out.print(f"[dim]{plain(each.name)}: {plain(each.reason)}[/]")
    _notes(found.notes)
    if found.written:
        out.print(f"{plain(where)} now searches so. See it: augury status {plain(where)}")


def _changed(each: Changed) -> None:
    out = console()
    text = each.text if len(each.text) <= _TEXT_CHARS else f"{each.text[: _TEXT_CHARS - 1]}…"
    out.print(f"{plain(each.query_id)}  {each.a:.3f} -> {each.b:.3f}  {plain(text)}")
    for name, top in (("a", each.top_a), ("b", each.top_b)):
        out.print(f"   [dim]{name}:[/] {plain(', '.join(map(_judged, top)) or 'nothing')}")


def _judged(document: Ranked) -> str:
    return f"{document.doc_id} ({'?' if document.relevance is None else document.relevance})"


def _heading(found: Evaluation) -> None:
    counts = found.queries
    console().print(
        f"[bold]{plain(found.dataset)}[/] on {plain(found.index)}: {counts.searched} queries, "
        f"{found.depth} documents each; {counts.without_hits} without hits, {counts.failed} failed\n"
    )


def _between(value: Mean, sign: str = "") -> str:
    return f"{value.low:{sign}.3f} to {value.high:{sign}.3f}"


def _notes(notes: Iterable[str]) -> None:
    for note in notes:
        console().print(f"[yellow]note[/] {plain(note)}")


def _failures(found: Evaluation) -> None:
    failed = [outcome for outcome in found.outcomes if outcome.error]
    for outcome in failed[:_FAILURES]:
        console().print(f"[red]failed[/] {plain(outcome.query_id)}: {plain(outcome.error)}")
    if len(failed) > _FAILURES:
        console().print(f"... and {len(failed) - _FAILURES} more")
