"""``augury search INDEX`` without a query: line after line, with the models loaded once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from io import TextIOWrapper
from typing import Any

import click

from ..errors import AuguryError
from .dialogue import Dialogue
from .settings import Settings
from .terminal import without_controls

_BOM = "\ufeff"  # some programs begin a text file with one


def run(
    search: Callable[[str], None],
    settings: Settings,
    *,
    fields: Sequence[str] = (),
    plan: Callable[[str], str] | None = None,
    echo: Callable[..., Any] = click.echo,
) -> int:
    """``run(search, settings)`` reads queries until there are no more and hands each to ``search``.

    On a terminal it opens a prompt; elsewhere it reads standard input. Lines that begin with a colon change
    ``settings``, which ``search`` reads. An ``AuguryError`` is printed on standard error and ends its own
    line only.

    Args:
        fields: names of metadata fields, to complete conditions with.
        plan: gives the text that ``:plan`` prints; without it there is no such command.

    Returns:
        How many lines of standard input failed; 0 on a terminal, where the errors were seen.
    """
    dialogue = Dialogue(search, settings, plan, echo)
    if sys.stdin.isatty():
        _converse(dialogue, fields, echo)
        return 0
    return _read(dialogue, echo)


def _converse(dialogue: Dialogue, fields: Sequence[str], echo: Callable[..., Any]) -> None:
    from .line_editor import line_editor

    editor = line_editor(dialogue, fields)
    echo("Type a query, :help for commands, Ctrl-D to leave.", err=True)
    while not dialogue.ended:
        try:
            typed = editor.prompt()
        except EOFError:
            return
        except KeyboardInterrupt:
            echo("Ctrl-D or :quit leaves.", err=True)
            continue
        try:
            _each(typed.split("\n"), dialogue, lambda _, sentence: echo(sentence, err=True))
        except KeyboardInterrupt:
            echo("Interrupted: this search only.", err=True)


def _read(dialogue: Dialogue, echo: Callable[..., Any]) -> int:
    if isinstance(sys.stdin, TextIOWrapper):
        # Bytes that are no text pass: their line fails by itself, as a query that is not Unicode.
        sys.stdin.reconfigure(errors="surrogateescape")
    lines = (line.removeprefix(_BOM) for line in sys.stdin)
    return _each(lines, dialogue, lambda number, sentence: echo(f"Line {number}: {sentence}", err=True))


def _each(lines: Iterable[str], dialogue: Dialogue, failed: Callable[[int, str], None]) -> int:
    """Do every line until one asks to leave; ``failed(line number, sentence)``. How many failed."""
    failures = 0
    for number, line in enumerate(lines, start=1):
        try:
            dialogue.line(line)
        except AuguryError as error:
            failures += 1
            failed(number, without_controls(str(error)))
        if dialogue.ended:
            break
    return failures
