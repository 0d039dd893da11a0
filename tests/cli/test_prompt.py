"""The prompt: on a terminal with keys typed, and elsewhere with lines piped."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from augury.cli.dialogue import Dialogue
from augury.cli.line_editor import CommandCompleter, kept_history, toolbar
from augury.cli.prompt import run
from augury.cli.settings import Settings
from augury.errors import QueryError

ENTER, CTRL_C, CTRL_D, UP = "\r", "\x03", "\x04", "\x1b[A"


class Searches:
    """A search that keeps each query with the limit, the conditions and ``explain`` it was asked with."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.seen: list[tuple[str, int, tuple[str, ...], bool]] = []

    def __call__(self, query: str) -> None:
        self.seen.append((query, self.settings.limit, self.settings.clauses, self.settings.explain))
        if query == "broken":
            raise QueryError("This query is broken", "Mend it")
        if query == "slow":
            raise KeyboardInterrupt
        if query == "crash":
            raise RuntimeError("a fault of the search itself")

    @property
    def queries(self) -> list[str]:
        return [query for query, *_ in self.seen]


Piped = Callable[..., tuple[Searches, int]]


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Piped:
    def pipe(
        *lines: str,
        settings: Settings | None = None,
        plan: Callable[[str], str] | None = None,
    ) -> tuple[Searches, int]:
        searches = Searches(settings or Settings())
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        return searches, run(searches, searches.settings, plan=plan)

    return pipe


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Searches]]:
    """``keys("boats", ENTER)`` opens a prompt on a terminal and types."""
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):

        def type_(*typed: str) -> Searches:
            monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
            searches = Searches(Settings())
            pipe.send_text("".join(typed))
            assert run(searches, searches.settings) == 0
            return searches

        yield type_


def test_lines_are_queries_and_commands_change_the_next_ones(piped: Piped) -> None:
    searches, failed = piped(
        "boats", "", "  ", ":set limit 3", " red bicycles ", ":set limit=4", ":where year>=2020", "kites",
        ":where clear", ":explain", "tents",
    )  # fmt: skip
    assert failed == 0
    assert searches.seen == [
        ("boats", 10, (), False),
        ("red bicycles", 3, (), False),
        ("kites", 4, ("year>=2020",), False),
        ("tents", 4, (), True),
    ]


def test_again_repeats_the_query_with_the_settings_of_now(piped: Piped) -> None:
    searches, _ = piped("boats", ":explain on", ":set limit 2", ":again", ":explain", ":again")
    assert searches.seen == [("boats", 10, (), False), ("boats", 2, (), True), ("boats", 2, (), False)]


def test_reset_goes_back_to_how_the_prompt_was_opened(piped: Piped) -> None:
    searches, _ = piped(
        ":set limit 2", ":where year>=2020", ":reset", "boats", settings=Settings(limit=7, clauses=("a=b",))
    )
    assert searches.seen == [("boats", 7, ("a=b",), False)]


def test_a_query_may_begin_with_a_colon(piped: Piped) -> None:
    searches, failed = piped(r"\:set theory", r"\alpha decay", "a:b")
    assert failed == 0 and searches.queries == [":set theory", r"\alpha decay", "a:b"]


def test_an_error_ends_its_own_line_only_and_is_counted(
    piped: Piped, capsys: pytest.CaptureFixture[str]
) -> None:
    searches, failed = piped(
        "broken", ":set limit none", ":where year", ":expalin", ":again now", ":set =3", "boats"
    )
    assert failed == 6 and searches.queries == ["broken", "boats"]
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == "" and len(lines) == 6
    assert lines[0] == "Line 1: This query is broken. Mend it."
    assert "from 1 to 10000" in lines[1] and "key=value" in lines[2]
    assert ":explain" in lines[3] and r"\:" in lines[3]
    assert "'now'" in lines[4] and "no option ''" in lines[5]


def test_what_is_no_augury_error_goes_on_up(piped: Piped) -> None:
    with pytest.raises(RuntimeError):
        piped("crash", "boats")
    with pytest.raises(KeyboardInterrupt):
        piped("slow", "boats")


def test_again_and_plan_need_a_query(piped: Piped, capsys: pytest.CaptureFixture[str]) -> None:
    plan = "the plan of {}".format
    assert piped(":again", ":plan", plan=plan)[1] == 2
    assert "no query yet" in capsys.readouterr().err
    searches, failed = piped(":plan boats", "kites", ":plan", plan=plan)
    assert failed == 0 and searches.queries == ["kites"]
    assert capsys.readouterr().out == "the plan of boats\nthe plan of kites\n"


def test_without_a_plan_there_is_no_such_command(piped: Piped, capsys: pytest.CaptureFixture[str]) -> None:
    assert piped(":plan boats", ":help")[1] == 1
    out, err = capsys.readouterr()
    assert "no command :plan" in err and ":plan" not in out


def test_set_where_and_help_show(piped: Piped, capsys: pytest.CaptureFixture[str]) -> None:
    piped(":set fusion rrf", ":set")
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert tuple(rows) == Settings().names()
    assert (rows["fusion"], rows["limit"], rows["alpha"]) == ("rrf", "10", "the index's own")

    piped(":where", ":where year>=2020", ":where a=b", ":where", settings=Settings())
    assert capsys.readouterr().out.splitlines() == ["No conditions.", "year>=2020", "a=b"]
    piped(":where", settings=Settings(base_filter={"must": [{"is_empty": {"key": "a"}}]}))
    assert capsys.readouterr().out.startswith("The filter")

    piped(":help")
    shown = capsys.readouterr().out
    for command in (":set", ":where", ":explain", ":again", ":reset", ":help", ":quit", r"\:"):
        assert command in shown


@pytest.mark.parametrize("command", [":quit", ":q", ":exit", ":QUIT"])
def test_quit_leaves_the_other_lines_unread(piped: Piped, command: str) -> None:
    searches, failed = piped("boats", command, "kites")
    assert failed == 0 and searches.queries == ["boats"]


def test_bytes_that_are_no_text_fail_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []

    def search(query: str) -> None:
        if not query.isprintable():
            raise QueryError(f"{query!r} is not valid Unicode", "Use UTF-8")
        seen.append(query)

    stdin = io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfboats\r\n\xff\xfe\nb\xc3\xa4rte\n"), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stdin)
    assert run(search, Settings()) == 1
    assert seen == ["boats", "bärte"]
    assert capsys.readouterr().err.startswith("Line 2: ")


def test_piped_lines_need_no_prompt_toolkit() -> None:
    code = (
        "import sys\nfrom augury.cli.prompt import run\nfrom augury.cli.settings import Settings\n"
        "failed = run(lambda query: print('searched', query), Settings())\n"
        "assert 'prompt_toolkit' not in sys.modules\nsys.exit(failed)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input="boats\n:nothing\nkites\n", capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "searched boats\nsearched kites\n"), done.stderr
    assert done.stderr.startswith("Line 2: There is no command :nothing.")


def test_a_terminal_takes_lines_until_ctrl_d(
    keys: Callable[..., Searches], capsys: pytest.CaptureFixture[str]
) -> None:
    searches = keys("boats", ENTER, ":set limit 3", ENTER, "broken", ENTER, "kites", ENTER, CTRL_D)
    assert searches.seen == [("boats", 10, (), False), ("broken", 3, (), False), ("kites", 3, (), False)]
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "Type a query, :help for commands, Ctrl-D to leave.", "This query is broken. Mend it."
    ]  # fmt: skip


@pytest.mark.timeout(60)
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_where_the_hits_are_redirected_the_prompt_is_on_standard_error(tmp_path: Path) -> None:
    code = (
        "from augury.cli.prompt import run\nfrom augury.cli.settings import Settings\n"
        "run(lambda query: print('searched', query), Settings())"
    )
    outer, inner = os.openpty()
    environment = {
        **os.environ,
        "XDG_STATE_HOME": str(tmp_path),
        "TERM": "xterm",
        "PROMPT_TOOLKIT_NO_CPR": "1",
    }
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=inner, stdout=subprocess.PIPE, stderr=inner, env=environment
    ) as process:
        os.close(inner)
        try:
            seen = b""
            while b"augury>" not in seen:
                seen += os.read(outer, 4096)
            os.write(outer, f"boats{ENTER}:quit{ENTER}".encode())
            with suppress(OSError):  # Linux's end of a pseudo-terminal
                while os.read(outer, 4096):
                    pass
        except BaseException:  # the time limit too: leaving the block waits for the process
            process.kill()
            raise
        assert process.stdout is not None
        assert process.stdout.read() == b"searched boats\n"
    os.close(outer)
    assert process.returncode == 0


def test_ctrl_c_clears_the_line_and_on_an_empty_one_says_how_to_leave(
    keys: Callable[..., Searches], capsys: pytest.CaptureFixture[str]
) -> None:
    assert keys("boats", CTRL_C, "kites", ENTER, CTRL_D).queries == ["kites"]
    assert "leaves" not in capsys.readouterr().err
    assert keys(CTRL_C, "kites", ENTER, ":quit", ENTER).queries == ["kites"]
    assert "Ctrl-D or :quit leaves." in capsys.readouterr().err


def test_ctrl_c_during_a_search_ends_that_search_only(
    keys: Callable[..., Searches], capsys: pytest.CaptureFixture[str]
) -> None:
    assert keys("slow", ENTER, "kites", ENTER, CTRL_D).queries == ["slow", "kites"]
    assert "Interrupted" in capsys.readouterr().err


def test_several_pasted_lines_are_several_lines(keys: Callable[..., Searches]) -> None:
    pasted = "\x1b[200~:set limit 3\nbroken\nboats\n\x1b[201~"
    assert keys(pasted, ENTER, CTRL_D).seen == [("broken", 3, (), False), ("boats", 3, (), False)]


def test_the_history_outlives_the_prompt_and_is_the_owners(
    keys: Callable[..., Searches], tmp_path: Path
) -> None:
    keys("boats", ENTER, "kites", ENTER, CTRL_D)
    assert keys(UP, UP, ENTER, CTRL_D).queries == ["boats"]
    file = tmp_path / "augury/history"
    assert list(kept_history(file).load_history_strings()) == ["boats", "kites", "boats"]
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_history_that_cannot_be_written_is_kept_in_memory(
    keys: Callable[..., Searches], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "augury").write_text("not a folder", encoding="utf-8")
    assert keys("boats", ENTER, "kites", ENTER, CTRL_D).queries == ["boats", "kites"]
    assert capsys.readouterr().err.count("\n") == 1
    assert isinstance(kept_history(tmp_path / "augury/history"), InMemoryHistory)


def test_a_history_that_stops_taking_lines_does_not_end_the_prompt(tmp_path: Path) -> None:
    file = tmp_path / "state/history"
    history = kept_history(file)
    history.append_string("boats")
    file.unlink()
    file.mkdir()
    history.append_string("kites")
    assert history.get_strings() == ["boats", "kites"]


@pytest.mark.parametrize(
    ("typed", "candidates"),
    [
        ("boats :", []),
        (":", [":explain", ":set", ":where", ":again", ":reset", ":help", ":quit", ":plan"]),
        (":se", [":set"]),
        (":SET", [":set"]),
        (":set fu", ["fusion"]),
        (":set re", ["rerank", "reranker", "rerank-weight"]),
        (":set fusion ", ["rrf", "dbsf", "weighted", "default"]),
        (":set fusion=d", ["dbsf", "default"]),
        (":set branches dense, sp", ["sparse"]),
        (":set weights scenarios=0.7,s", ["scenarios=", "sparse="]),
        (":set unknown ", []),
        (":where ", ["clear", "Country", "year"]),
        (":where c", ["clear", "Country"]),
        (":where year>", []),
        (":explain o", ["on", "off"]),
        (":plan y", []),
    ],
)
def test_completion(typed: str, candidates: Sequence[str]) -> None:
    dialogue = Dialogue(Searches(Settings()), Settings(), "{}".format, print)
    completer = CommandCompleter(dialogue, ["Country", "year"])
    found = list(completer.get_completions(Document(typed), CompleteEvent()))
    assert [completion.text for completion in found] == candidates
    for completion in found:
        start = len(typed) + completion.start_position
        assert completion.text.lower().startswith(typed[start:].lower())


def test_the_toolbar_shows_what_differs_from_the_index() -> None:
    assert toolbar(Settings()) == "settings: the index's own"
    settings = Settings(limit=3, clauses=("year>=2020",))
    settings.set("rerank", "off")
    assert toolbar(settings) == "limit 3  rerank off  where year>=2020"
