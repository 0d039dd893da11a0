"""Comparisons of two runs for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .show_evaluation import between, show_notes
from .tables import aligned, print_table
from .terminal import console, plain, without_controls

if TYPE_CHECKING:
    from rich.console import Console, OverflowMethod

    from ..schemas.evaluation import Changed, ComparedDocument, Comparison, PlaceInRun, Ranked
    from ..schemas.hit import Place
    from ..schemas.plan import QueryPlan

_CHANGED = 5
_TEXT_CHARS = 90
_NAME_CHARS = (12, 40)
"""An id with its title takes so many at least and at most."""
_INDENT = "   "
_NOT_FOUND, _NOT_TOLD = "-", "?"
_LEGEND = (
    f"ranks in a -> b, in a branch among passages; {_NOT_FOUND} not found, {_NOT_TOLD} not in the details, "
    "nothing where that run does not search it; rel: judged relevance, ? for not judged"
)


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
            between(each.difference, "+"),
            p_text(each.difference.p),
            f"{each.better}/{each.worse}/{each.same}",
        ]
        for each in found
    ]
    head = ["measure", "a", "b", "b - a", "95 % interval", "p", "better/worse/same"]
    print_table(head, rows)
    if any(_is_explained(each) for each in (*found[0].won, *found[0].lost)):
        console().print(f"\n[dim]{_LEGEND}[/]")
    for title, changed in (("b wins most", found[0].won), ("b loses most", found[0].lost)):
        if changed:
            console().print(f"\n[bold]{title}[/], by {plain(found[0].measure)}")
        for each in changed[:_CHANGED]:
            _changed(each)
    show_notes(found[0].notes)


def _is_explained(each: Changed) -> bool:
    return each.plan_a is not None or each.plan_b is not None


def _changed(each: Changed) -> None:
    out = console()
    text = plain(_short(each.text, _TEXT_CHARS))
    out.print(f"\n[bold]{plain(each.query_id)}[/]  {each.a:.3f} -> {each.b:.3f}  {text}")
    if not _is_explained(each):
        for name, top in (("a", each.top_a), ("b", each.top_b)):
            out.print(f"{_INDENT}[dim]{name}:[/] {plain(', '.join(map(_judged, top)) or 'nothing')}")
        return
    for sentence in each.reasons:
        _sentence(out, sentence)
    _documents(each, out)


def _documents(each: Changed, out: Console) -> None:
    """A line a document, and under it the scenario that matched."""
    stages = list(dict.fromkeys([*_stages(each.plan_a), *_stages(each.plan_b)]))
    head = ["rel", "rank", *stages]
    rows = [
        [
            "?" if document.relevance is None else str(document.relevance),
            _arrow(*(str(place.rank) if place else _NOT_FOUND for place in (document.a, document.b))),
            *(
                _arrow(_cell(stage, each.plan_a, document.a), _cell(stage, each.plan_b, document.b))
                for stage in stages
            ),
        ]
        for document in each.documents
    ]
    least, most = _NAME_CHARS
    if out.is_terminal:
        taken = sum(max(map(len, cells)) + 2 for cells in zip(head, *rows, strict=True))
        most = max(least, min(most, out.width - len(_INDENT) - taken))
    names = [_short(f"{document.doc_id} {document.title}", most) for document in each.documents]
    lines = aligned(["document", *head], [[name, *row] for name, row in zip(names, rows, strict=True)])
    _line(out, next(lines), "dim")
    for document, line in zip(each.documents, lines, strict=True):
        _line(out, line, "bold" if (document.relevance or 0) > 0 else "")
        for scenario in _scenarios(document):
            _line(out, f"{_INDENT}{scenario}", "green")


def _stages(plan: QueryPlan | None) -> list[str]:
    """What a search does to a passage, in order."""
    if plan is None:
        return []
    after = {
        "q-net": plan.qnet is not None,
        "reranked": plan.rerank is not None,
        "diversified": plan.diversity > 0,
    }
    return [*(branch.name for branch in plan.branches), *(stage for stage, there in after.items() if there)]


def _cell(stage: str, plan: QueryPlan | None, place: PlaceInRun | None) -> str:
    """The rank that a stage gave a document's passage."""
    if plan is not None and stage not in _stages(plan):
        return ""
    if place is None or place.explanation is None:
        return _NOT_TOLD
    why = place.explanation
    places: dict[str, Place | None] = {
        "q-net": why.fused,
        "reranked": why.reranked,
        "diversified": why.diversified,
    }
    at = (places | why.branches).get(stage)
    return str(at.rank) if at else _NOT_FOUND


def _arrow(a: str, b: str) -> str:
    return f"{a} -> {b}".strip()


def _scenarios(document: ComparedDocument) -> list[str]:
    """The need that matched in each run, once where it is the same."""
    matched = {
        name: place.explanation.scenario
        for name, place in zip("ab", (document.a, document.b), strict=True)
        if place and place.explanation and place.explanation.scenario
    }
    lines: dict[str, list[str]] = {}
    for name, scenario in matched.items():
        lines.setdefault(f"{scenario.similarity:.2f} {without_controls(scenario.need)}", []).append(name)
    return [f"{', '.join(names)}: {line}" for line, names in lines.items()]


def _judged(document: Ranked) -> str:
    return f"{document.doc_id} ({'?' if document.relevance is None else document.relevance})"


def _short(text: str, most: int) -> str:
    """Text of at most so many characters on one line."""
    line = without_controls(text)
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _sentence(out: Console, text: str) -> None:
    """Text that a terminal wraps."""
    from rich.padding import Padding
    from rich.text import Text

    line = without_controls(text)
    out.print(Padding.indent(Text(line), len(_INDENT)) if out.is_terminal else Text(_INDENT + line))


def _line(out: Console, text: str, style: str) -> None:
    """A line that a terminal cuts off rather than wraps."""
    from rich.text import Text

    overflow: OverflowMethod = "ellipsis" if out.is_terminal else "ignore"
    out.print(Text(_INDENT + text, style=style), no_wrap=True, overflow=overflow)
