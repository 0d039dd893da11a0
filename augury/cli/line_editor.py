"""The prompt of a terminal: history, completion, suggestions and a toolbar, by prompt_toolkit.

Import this only where a prompt is opened: prompt_toolkit is slow to import.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from platformdirs import user_state_dir
from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output, create_output

from .dialogue import BETWEEN, Dialogue
from .settings import INDEX_OWN, Settings

_GAP = re.compile(r"\s+")


def line_editor(dialogue: Dialogue, fields: Sequence[str]) -> PromptSession[str]:
    """``line_editor(dialogue, fields).prompt()`` is the next line.

    It raises ``KeyboardInterrupt`` for Ctrl-C on an empty line and ``EOFError`` for Ctrl-D on one.
    """
    return PromptSession(
        "augury> ",
        history=kept_history(Path(user_state_dir("augury")) / "history"),
        completer=CommandCompleter(dialogue, fields),
        auto_suggest=AutoSuggestFromHistory(),
        bottom_toolbar=lambda: toolbar(dialogue.settings),
        key_bindings=_keys(),
        output=_output(),
    )


def toolbar(settings: Settings) -> str:
    """What differs from the index's own settings, on one line."""
    changed = settings.changed()
    return "  ".join(f"{name} {value}" for name, value in changed.items()) or f"settings: {INDEX_OWN}"


class CommandCompleter(Completer):
    """Completes commands, options, their values and the names of metadata fields; never a query."""

    def __init__(self, dialogue: Dialogue, fields: Sequence[str]) -> None:
        self._dialogue, self._fields = dialogue, fields

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """The candidates for the word before the cursor."""
        word, candidates = self._candidates(document.text_before_cursor.lstrip())
        for candidate in candidates:
            if candidate.lower().startswith(word.lower()):
                command = self._dialogue.commands.get(candidate)
                yield Completion(candidate, -len(word), display_meta=command.help if command else "")

    def _candidates(self, text: str) -> tuple[str, Iterable[str]]:
        """The word that is being typed and what it could become."""
        if not text.startswith(":"):
            return "", ()
        command, *rest = _GAP.split(text, maxsplit=1)
        settings = self._dialogue.settings
        match command.lower(), rest:
            case _, []:
                return command, self._dialogue.commands
            case ":explain", [typed]:
                return typed, ("on", "off")
            case ":where", [typed]:
                return typed, ("clear", *self._fields)
            case ":set", [typed]:
                name, *value = BETWEEN.split(typed, maxsplit=1)
                if not value:
                    return name, settings.names()
                return value[0].rpartition(",")[2].lstrip(), settings.values(name)
            case _:
                return "", ()


class _FileHistory(FileHistory):
    """A file that may stop taking lines, on a full disk say, without ending the prompt."""

    def store_string(self, string: str) -> None:
        with suppress(OSError):
            super().store_string(string)


def kept_history(file: Path) -> History:
    """The lines typed before, in a file that only its owner reads; in memory where it cannot be written."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600))
    except OSError:
        return InMemoryHistory()
    return _FileHistory(file)


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("c-c")
    def clear(event: KeyPressEvent) -> None:
        """Clear the line; on an empty one the caller says how to leave."""
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=KeyboardInterrupt())

    return keys


def _output() -> Output | None:
    """Standard error where the hits go elsewhere, so that the prompt is still seen."""
    return None if sys.stdout.isatty() else create_output(always_prefer_tty=True)
