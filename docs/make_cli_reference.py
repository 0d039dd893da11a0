"""Write docs/cli.md from the commands' own help, or with --check say whether it is out of date."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from augury.cli import main

TARGET = Path(__file__).parent / "cli.md"


def sections(command: click.Command, path: tuple[str, ...]) -> Iterator[str]:
    """The help of a command and of those below it."""
    context = click.Context(command, info_name=" ".join(path), terminal_width=100)
    yield f"## {' '.join(path)}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from sections(child, (*path, name))


def reference() -> str:
    """The whole page."""
    head = "# Command line\n\nMade from the code by `make docs`; `make check` fails when it is out of date.\n"
    return "\n".join([head, *sections(main, ("augury",))])


if __name__ == "__main__":
    if "--check" in sys.argv:
        if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != reference():
            sys.exit("docs/cli.md is out of date. Run: make docs")
    else:
        TARGET.write_text(reference(), encoding="utf-8")
