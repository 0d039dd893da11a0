"""A run of a trainer from the command line: its bars, and what is told of its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from .options import set_given
from .terminal import console, echo_json, plain, progress

if TYPE_CHECKING:
    from ..schemas.training_report import TrainingReport


def chosen(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, as a config takes them."""
    given: dict[str, Any] = {}
    set_given(given, **options)
    return given


@contextmanager
def stages(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each stage, one after the other."""
    with ExitStack() as stack:
        shown: list[tuple[str, Callable[[int], None]]] = []

        def told(stage: str, done: int, total: int) -> None:
            if not shown or shown[-1][0] != stage:
                stack.close()
                shown.append((stage, stack.enter_context(progress(stage, total, quiet=quiet))))
            shown[-1][1](done)

        yield told


def finish(report: TrainingReport | None, as_json: bool) -> None:
    """Print what came of it; a refused model ends with 1."""
    if report is None:
        return  # one of several processes; the first one tells
    if as_json:
        echo_json(report.model_dump(mode="json"))
    else:
        _show(report)
    if not report.accepted:
        raise SystemExit(1)


def _show(report: TrainingReport) -> None:
    from .tables import print_table

    rows = [
        [
            measure,
            f"{gain.after.mean:.3f}",
            f"({gain.before.mean:.3f})",
            f"{gain.difference.mean:+.3f} [{gain.difference.low:+.3f}, {gain.difference.high:+.3f}]",
        ]
        for measure, gain in report.measures.items()
    ]
    counts = report.counts
    held = [
        f"{count} {what}"
        for count, what in ((counts.dev_queries, "queries"), (counts.dev_documents, "documents"))
        if count
    ]
    title = f"{report.dev}: {', '.join(held)}"
    print_table(["", "after", "(before)", "difference"], rows, title=title)
    out = console()
    for when, terms in report.active_terms.items():
        out.print(f"Active terms {when}: {terms.queries:.0f} in queries, {terms.documents:.0f} in documents")
    out.print(f"Steps: {report.steps}; the best model is of step {report.best_step}; {report.seconds:.0f} s")
    if len(report.curve) > 1:
        curve = ", ".join(f"{score:.3f} ({step})" for step, score in report.curve)
        out.print(f"Score by step: {curve}")
    for note in (*report.checks, *report.notes):
        out.print(plain(note))
    out.print(plain(report.verdict))
    out.print(f"Model: {plain(report.model)}")
