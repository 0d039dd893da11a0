"""What a line typed at the prompt does: search, or a command that begins with a colon."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from ..errors import UsageError
from .settings import Settings

BETWEEN = re.compile(r"\s*=\s*|\s+")
"""What stands between the name and the value of ``:set``."""


@dataclass(frozen=True)
class Command:
    """``usage`` is what follows the name; where it is empty, nothing may."""

    usage: str
    help: str
    run: Callable[[str], None]


class Dialogue:
    """``Dialogue(search, settings, plan, echo).line("a query")`` searches, ``line(":set limit 5")`` changes
    what the next searches do.

    ``plan`` gives the text of ``:plan``, a command that is there only with it. ``ended`` is True after
    ``:quit``. ``line`` raises ``UsageError`` for a command it cannot do, and what the search raises.
    """

    def __init__(
        self,
        search: Callable[[str], None],
        settings: Settings,
        plan: Callable[[str], str] | None,
        echo: Callable[..., Any],
    ) -> None:
        self.settings = settings
        self.ended = False
        self._search, self._echo = search, echo
        self._start = settings.copy()
        self._last = ""
        self.commands = {
            ":explain": Command("[on|off]", "Say why each hit is where it is, or stop.", self._explain),
            ":set": Command("[NAME VALUE]", "Show the options, or change one.", self._set),
            ":where": Command("[CONDITION|clear]", "Show the conditions, add one, drop all.", self._where),
            ":again": Command("", "Search for the last query with the settings of now.", self._again),
            ":reset": Command("", "Go back to the settings that the prompt was opened with.", self._reset),
            ":help": Command("", "Show this.", self._help),
            ":quit": Command("", "Leave; so do :q, :exit and Ctrl-D.", self._quit),
        }
        if plan is not None:
            self.commands[":plan"] = Command(
                "[QUERY]",
                "Show what a search for it, or for the last query, does.",
                lambda query: echo(plan(query or self._repeated())),
            )

    def line(self, text: str) -> None:
        """Do what one line says; an empty one does nothing."""
        text = text.strip()
        if text.startswith(":"):
            name, *rest = text.split(maxsplit=1)
            self._command(name.lower(), "".join(rest))
        elif text:
            self._last = text.removeprefix("\\") if text.startswith("\\:") else text
            self._search(self._last)

    def _command(self, name: str, rest: str) -> None:
        command = self.commands.get(":quit" if name in (":q", ":exit") else name)
        if command is None:
            near = get_close_matches(name, self.commands, n=1)
            raise UsageError(
                f"There is no command {name}",
                f"{f'The nearest is {near[0]}' if near else ':help shows them'}; "
                "a query that begins with a colon is written \\:",
            )
        if rest and not command.usage:
            raise UsageError(f"{name} takes nothing after it", f"Leave out {rest!r}")
        command.run(rest)

    def _explain(self, rest: str) -> None:
        self.settings.set("explain", rest or ("off" if self.settings.explain else "on"))

    def _set(self, rest: str) -> None:
        if rest:
            name, *value = BETWEEN.split(rest, maxsplit=1)
            self.settings.set(name, "".join(value))
        else:
            for name, text in self.settings.shown().items():
                self._echo(f"{name:<13}  {text}")

    def _where(self, rest: str) -> None:
        if rest.lower() == "clear":
            self.settings.forget_where()
        elif rest:
            self.settings.where(rest)
        else:
            for clause in self.settings.clauses:
                self._echo(clause)
            if self.settings.base_filter:
                self._echo("The filter that the prompt was opened with.")
            elif not self.settings.clauses:
                self._echo("No conditions.")

    def _again(self, _: str) -> None:
        self._search(self._repeated())

    def _reset(self, _: str) -> None:
        self.settings.take(self._start)

    def _help(self, _: str) -> None:
        self._echo("A line is a query. A query that begins with a colon is written \\: instead of the colon.")
        for name, command in self.commands.items():
            self._echo(f"{f'{name} {command.usage}':<26}  {command.help}")

    def _quit(self, _: str) -> None:
        self.ended = True

    def _repeated(self) -> str:
        if not self._last:
            raise UsageError("There is no query yet", "Type one first")
        return self._last
