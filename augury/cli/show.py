"""Search results for a person, and as lines for a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .terminal import console, plain, without_controls

if TYPE_CHECKING:
    from rich.table import Table

    from ..schemas.expansion import Expansion
    from ..schemas.hit import Hit, Place, SearchResult

_SNIPPET_CHARS = 240
_TITLE_CHARS = 28


def show(result: SearchResult, *, explain: bool = False) -> None:
    """The hits on a terminal, or where they are explained; else one line a hit."""
    if explain or console().is_terminal:
        _show_hits(result, explain=explain)
        return
    for rank, hit in enumerate(result.hits, start=1):
        click.echo("\t".join(_cells(rank, hit)))
    if not result.hits:
        click.echo("No hit.", err=True)
    for note in _notes(result):
        click.echo(without_controls(note), err=True)


def _show_hits(result: SearchResult, *, explain: bool) -> None:
    out = console()
    for rank, hit in enumerate(result.hits, start=1):
        heading = plain(hit.title or hit.doc_id)
        out.print(f"[bold cyan]{rank:>2}[/] [bold]{heading}[/]  [dim]{plain(hit.doc_id)}[/]")
        if not explain:
            found: list[tuple[str, Place | None]] = [*hit.explanation.branches.items()]
            if result.qnet:
                found.append(("q-net", hit.explanation.fused))
            found.append(("reranked", hit.explanation.reranked))
            places = "  ".join(f"{name} {_place(place)}" for name, place in found if place)
            out.print(f"   [dim]{hit.score:.4f}  {places}[/]")
        if hit.scenario:
            out.print(f"   [green]{hit.scenario.similarity:.2f}[/] {plain(hit.scenario.need)}")
        snippet = without_controls(hit.text)
        out.print(f"   {plain(snippet[:_SNIPPET_CHARS])}{'…' if len(snippet) > _SNIPPET_CHARS else ''}")
    if not result.hits:
        out.print("No hit. Widen the filter, or see what is there: augury status INDEX")
    if result.expansion:
        _show_expansion(result.expansion)
    for note in _notes(result):
        out.print(f"[yellow]note[/] {plain(note)}")
    if explain:
        _explain(result)
    else:
        spent = "  ".join(f"{stage} {ms:.0f}" for stage, ms in result.timings_ms.items())
        out.print(f"[dim]ms: {spent}[/]")


def _show_expansion(expansion: Expansion) -> None:
    """What was added to the query."""
    out = console()
    if expansion.unsure is not None:
        out.print(f"[dim]The first search was {'unsure' if expansion.unsure else 'sure'}.[/]")
    for text in (expansion.rules, *expansion.passages):
        if text:
            out.print(f"[magenta]expanded[/] {plain(text)}")


def _explain(result: SearchResult) -> None:
    """Where each stage put each hit, what the plan was, and what each stage took."""
    out = console()
    if result.hits:
        out.print()
        out.print(_places(result))
    out.print("\n[bold]Plan[/]")
    out.print_json(result.plan.model_dump_json(exclude_none=True), indent=2)
    out.print("[bold]Milliseconds[/]")
    for stage, spent in result.timings_ms.items():
        out.print(f"  {stage:<8}{spent:>9.1f}")
    if result.qnet:
        out.print("[bold]By q-net[/]")
        for what, count in result.qnet.model_dump().items():
            out.print(f"  {what.replace('_', ' '):<15}{count:>8,}")


def _places(result: SearchResult) -> Table:
    from rich import box
    from rich.table import Table

    branches = [branch.name for branch in result.plan.branches]
    stages = {
        "q-net" if result.qnet else "fused": len(branches) > 1 or result.qnet is not None,
        "reranked": result.plan.rerank is not None,
        "diversified": result.plan.diversity > 0,
    }
    table = Table("#", "hit", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in (*branches, *(stage for stage, there in stages.items() if there), "score"):
        table.add_column(name, justify="right", no_wrap=True)
    for rank, hit in enumerate(result.hits, start=1):
        why = hit.explanation
        found: list[Place | None] = [why.branches.get(name) for name in branches]
        found += [
            place
            for there, place in zip(stages.values(), (why.fused, why.reranked, why.diversified), strict=True)
            if there
        ]
        name = without_controls(hit.title or hit.doc_id)
        short = name if len(name) <= _TITLE_CHARS else f"{name[: _TITLE_CHARS - 1]}…"
        table.add_row(str(rank), plain(short), *map(_place, found), f"{hit.score:.4f}")
    return table


def _place(place: Place | None) -> str:
    return f"{place.score:.3f} #{place.rank}" if place else "-"


def _notes(result: SearchResult) -> list[str]:
    """What may not be as it was meant."""
    return [*result.notes, *([result.expansion.note] if result.expansion and result.expansion.note else [])]


def _cells(rank: int, hit: Hit) -> list[str]:
    scenario = (f"{hit.scenario.similarity:.4f}", hit.scenario.need) if hit.scenario else ("", "")
    cells = [str(rank), f"{hit.score:.6f}", hit.doc_id, hit.title, *scenario]
    return [without_controls(cell) for cell in cells]
