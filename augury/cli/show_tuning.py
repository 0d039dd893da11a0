"""What tuning found, for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .show_evaluation import between, show_notes
from .tables import print_table
from .terminal import console, plain

if TYPE_CHECKING:
    from ..schemas.tuning import Tuning


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
            between(each.gain, "+") if each.gain else "",
        ]
        for each in found.settings
    ]
    head = ["setting", "before", "after", "best of all", "gain", "95 % interval"]
    print_table(head, rows, text=(0, 1, 2, 3))
    out.print()
    both = [("before", found.before), ("after, cross-validated", found.after)]
    print_table(
        [found.measure, "mean", "95 % interval"],
        [[name, f"{value.mean:.3f}", between(value)] for name, value in both],
    )
    out.print(
        f"\nGain {found.difference.mean:+.3f}, 95 % interval {between(found.difference, '+')}, "
        f"p {p_text(found.difference.p)}"
    )
    for each in found.settings:
        if each.reason and not each.gain:
            out.print(f"[dim]{plain(each.name)}: {plain(each.reason)}[/]")
    show_notes(found.notes)
    if found.written:
        out.print(f"{plain(where)} now searches so. See it: augury status {plain(where)}")
