"""Tables: drawn on a terminal, aligned with blanks in a pipe."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import click

from .terminal import console, plain, without_controls


def print_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, text: Collection[int] = (0,), title: str = ""
) -> None:
    """``print_table(["", "mean"], [["dense", "0.381"]])``; columns but those in ``text`` are of numbers."""
    out = console()
    if not out.is_terminal:
        if title:
            click.echo(without_controls(title))
        for line in aligned(head, rows, text=text):
            click.echo(line)
        return
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        title=plain(title) if title else None,
        title_justify="left",
    )
    for column, name in enumerate(head):
        is_text = column in text
        table.add_column(plain(name), justify="left" if is_text else "right", no_wrap=not is_text)
    for row in rows:
        table.add_row(*map(plain, row))
    out.print(table)


def aligned(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, text: Collection[int] = (0,)
) -> Iterator[str]:
    """``for line in aligned(["", "mean"], [["dense", "0.381"]])``: the heading, then the rows."""
    from rich.cells import cell_len

    cells = [[without_controls(cell) for cell in row] for row in (head, *rows)]
    widths = [max(cell_len(row[column]) for row in cells) for column in range(len(head))]
    for line in cells:
        padded = []
        for column, (cell, width) in enumerate(zip(line, widths, strict=True)):
            blanks = " " * (width - cell_len(cell))
            padded.append(cell + blanks if column in text else blanks + cell)
        yield "  ".join(padded).rstrip()
