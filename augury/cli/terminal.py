"""What the commands share: errors with exit codes, ``--json``, tables and progress."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click
from pydantic import ValidationError

from ..errors import AuguryError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

F = TypeVar("F", bound=Callable[..., Any])


class Commands(click.Group):
    """A group whose commands end with one sentence and exit code 1 (2 for usage), never a traceback.

    With ``--json`` the same goes to standard output as ``{"error": {...}}``.
    """

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted() from None
        except ValidationError as error:
            sentence = "; ".join(sentences(error))
            if ctx.find_root().meta.get("augury.json"):
                fix = "See the command's --help"
                echo_json({"error": {"type": "UsageError", "what": sentence, "fix": fix}})
            raise click.UsageError(sentence) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(
                f"{place}{error.strerror or error}. Check the path, its permissions and the disk."
            ) from error
        except AuguryError as error:
            if ctx.find_root().meta.get("augury.json"):
                echo_json({**_report(error), "error": error_json(error)})
            if isinstance(error, UsageError):
                raise click.UsageError(str(error)) from error
            raise click.ClickException(str(error)) from error


class Interrupted(click.ClickException):
    """Ctrl-C, with the exit code that shells give it."""

    exit_code = 130

    def __init__(self) -> None:
        super().__init__("Interrupted; what was done is kept. Run the same command again to go on.")


def json_option(command: F) -> F:
    """``--json``: one JSON object on standard output and nothing else there."""

    def remember(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
        ctx.find_root().meta["augury.json"] = value
        return value

    option = click.option(
        "--json", "as_json", is_flag=True, callback=remember, help="Print one JSON object, for machines."
    )
    return option(command)


def echo_json(value: Any) -> None:
    """Print a JSON object on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False))


def plain(text: str) -> str:
    """Text of a document or a name as a terminal may show it: no markup and no control characters."""
    from rich.markup import escape

    return escape(without_controls(text))


def without_controls(text: str) -> str:
    """One line, without characters that could steer a terminal."""
    return " ".join("".join(char for char in text if char.isprintable() or char.isspace()).split())


def console() -> Console:
    """Standard output: colour and word wrap on a terminal, plain whole lines elsewhere."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


@contextmanager
def progress(label: str, total: int | None, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar with rate and time left on standard error; ``advance_to(done)`` moves it.

    Shown only on a terminal, so that logs and pipes stay clean.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.1f}/s" if task.speed else "-/s", style="progress.data.speed")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.update(task, completed=done)


def error_json(error: AuguryError) -> dict[str, str]:
    """An error for machines."""
    return {"type": type(error).__name__, "what": error.what, "fix": error.fix}


def _report(error: AuguryError) -> dict[str, Any]:
    return error.report.model_dump(mode="json") if error.report is not None else {}


def sentences(error: ValidationError) -> list[str]:
    """What pydantic found, a sentence for each problem."""
    return [
        f"{'.'.join(str(part) for part in problem['loc']) or 'options'}: "
        f"{problem['msg'].removeprefix('Value error, ')}"
        for problem in error.errors()
    ]
