"""The commands that ask an LLM, against a small server; what is wrong with one is a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from augury.cli import main
from augury.models.cache import cache_folder
from tests.llm_server import LlmServer, raw, scenario_reply, status, truncated

TEXTS = {
    "yeast": "Osmosis draws water out of the cells of yeast.",
    "rain": "Rain falls in April.",
    "no": "404",
}


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def as_json(result: Result) -> Any:
    assert result.stdout.count("\n") == 1, result.output
    return json.loads(result.stdout)


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache without answers but with the models, and no server from outside."""
    models = cache_folder() / "models"
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/models").symlink_to(models)
    monkeypatch.setenv("AUGURY_CACHE", str(tmp_path / "cache"))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with LlmServer(scenario_reply, tokenize=True, context=2048) as server:
        yield server


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.jsonl"
    path.write_text("".join(json.dumps({"_id": i, "text": t}) + "\n" for i, t in TEXTS.items()))
    return path


def test_check_says_what_a_server_can_do(server: LlmServer) -> None:
    result = call("llm", "check", "--llm-url", server.url, "--tokens", 4, "--llm-concurrency", 4, "--json")
    found = as_json(result)
    assert (found["model"], found["context"], found["counts_tokens"]) == ("tiny", 2048, True)
    assert found["enforces_schema"] is False  # it says whatever it likes
    assert [speed["concurrency"] for speed in found["speeds"]] == [1, 4]
    shown = call("llm", "check", "--llm-url", server.url, "--tokens", 4).stdout
    assert "tiny at" in shown and "not enforced" in shown and "32 at once" in shown
    server.reply = lambda _: '{"word": "quince"}'
    assert "JSON schemas: enforced" in call("llm", "check", "--llm-url", server.url, "--tokens", 4).stdout


def test_generate_then_ingest_then_search_with_expansion(
    server: LlmServer, source: Path, tmp_path: Path
) -> None:
    output, index = tmp_path / "made/scenarios.jsonl", tmp_path / "index"
    result = call("generate", "scenarios", source, "-o", output, "--llm-url", server.url)
    assert result.exit_code == 0, result.output
    assert "3 documents read: 3 done" in result.stdout and "1 passages have none" in result.stdout
    records = {r["doc_id"]: r for r in map(json.loads, output.read_text().splitlines())}
    assert records["no"]["explanation"] == []
    assert records["yeast"]["generator"] == "tiny"
    assert not output.with_name(f"{output.name}.part").exists()
    assert len(server.requests) == 2  # none for what is no text
    again = as_json(call("generate", "scenarios", source, "-o", output, "--llm-url", server.url, "--json"))
    assert again["llm"]["cached"] == 2
    report = as_json(call("ingest", source, "--to", index, "--scenarios", output, "--json"))
    assert report["scenarios"]["missing"] == 0 and report["notes"] == []
    server.reply = lambda _: "Sure! Here is a passage: osmosis draws water out of yeast"
    search = ("search", index, "why salt", "--expand", "llm", "--llm-url", server.url, "--branches", "dense")
    found = as_json(call(*search, "--json"))
    assert found["expansion"]["passages"] == ["osmosis draws water out of yeast"]
    assert found["hits"][0]["doc_id"] == "yeast"
    rules = tmp_path / "rules.toml"
    rules.write_text('[abbreviations]\nH2O = "water"\n')
    found = as_json(call("search", index, "H2O", "--rules", rules, "--json"))
    assert found["expansion"]["rules"] == "H2O (water)"


def test_ingest_has_an_llm_write_scenarios_and_asks_once(
    server: LlmServer, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    report = as_json(
        call("ingest", source, "--to", index, "--scenarios", "llm", "--llm-url", server.url, "--json")
    )
    assert report["llm"]["answered"] == 2
    assert report["scenarios"]["none"] == 1
    assert (
        server.url not in call("status", index, "--json").stdout
    )  # where a key goes is for its owner to say
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    again = as_json(call("ingest", source, "--to", index, "--scenarios", "llm", "--json"))
    assert again["documents"]["unchanged"] == 3
    assert len(server.requests) == 2
    status = as_json(call("status", index, "--json"))
    assert status["scenario_passages"] == {"complete": 3, "missing": 0, "off": 0}


@pytest.mark.parametrize(
    ("url", "options", "sentence"),
    [
        ("", (), "No LLM server is named"),
        ("http://127.0.0.1:9/v1", (), "cannot be reached"),
        ("ftp://host", (), "no address of an LLM server"),
        ("http://host:abc/v1", (), "no address of an LLM server"),
        ("http://me:hidden@host/v1", (), "must hold no password"),
        ("http://host/v1?token=hidden", (), "must hold no password and no query"),
        ("SERVER", ("--llm-model", "huge"), "has no model 'huge'. It has tiny"),
        ("SERVER/elsewhere", (), "is not an OpenAI-compatible server"),
    ],
)
def test_a_server_that_cannot_be_used_is_one_sentence_and_costs_nothing(
    server: LlmServer, source: Path, tmp_path: Path, url: str, options: tuple[str, ...], sentence: str
) -> None:
    named = ("--llm-url", url.replace("SERVER", server.url)) if url else ()
    for command in (
        ("ingest", source, "--to", tmp_path / "index", "--scenarios", "llm"),
        ("generate", "scenarios", source, "-o", tmp_path / "out.jsonl"),
        ("llm", "check"),
    ):
        result = call(*command, *named, *options)
        assert result.exit_code in (1, 2)
        assert sentence in result.stderr and result.stderr.count("Error:") == 1
        assert "Traceback" not in result.output and "hidden" not in result.output
    assert not (tmp_path / "out.jsonl").exists()
    assert as_json(call("ingest", source, "--to", tmp_path / "index", "--json"))["documents"]["written"] == 3


def test_a_wrong_key_is_told_without_showing_it(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-0123456789")
    with LlmServer(key="right") as server:
        result = call("generate", "scenarios", source, "-o", tmp_path / "o.jsonl", "--llm-url", server.url)
    assert result.exit_code == 1
    assert "refused the key" in result.stderr and "OPENAI_API_KEY" in result.stderr
    assert "sk-wrong" not in result.output


def test_what_failed_is_told_and_asked_again_next_time(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    command = ("generate", "scenarios", source, "-o", output, "--json")

    def one_fails(_: int, request: Any) -> Any:
        return truncated() if "Rain" in request["messages"][-1]["content"] else None

    with LlmServer(scenario_reply, fault=one_fails) as server:
        result = call(*command, "--llm-url", server.url)
        assert result.exit_code == 1
        report = as_json(result)
        assert (report["documents"]["written"], report["documents"]["failed"]) == (2, 1)
        assert "not finished after" in report["failures"][0]["reason"]
        server.fault = None
        asked = len(server.requests)
        assert call(*command, "--llm-url", server.url).exit_code == 0
        assert len(server.requests) == asked + 1
    assert len(output.read_text().splitlines()) == 3


@pytest.mark.parametrize("fault", [status(500), raw("<html></html>")], ids=str)
def test_a_search_whose_expansion_fails_still_answers(
    source: Path, tmp_path: Path, fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    assert call("ingest", source, "--to", index, "--sparse", "none").exit_code == 0
    with LlmServer(fault=lambda *_: fault) as server:
        # a profile asks more patiently than a test may
        monkeypatch.setattr("augury.models.llm.faults.wait", lambda state: 0)
        result = call("search", index, "rain", "--expand", "llm", "--llm-url", server.url)
    assert result.exit_code == 0
    assert "rain" in result.stdout
    assert "LLM server" in result.stderr


def test_a_scenario_file_with_a_broken_line_or_an_unknown_document(source: Path, tmp_path: Path) -> None:
    file = tmp_path / "scenarios.jsonl"
    good = {"doc_id": "rain", "explanation": [{"information_need": "A user wants to know when rain falls"}]}
    strange = {"doc_id": "nobody", "explanation": [{"information_need": "A user wants something else"}]}
    other = {**good, "doc_id": "yeast", "chunk": 0, "text_hash": "0" * 32}
    file.write_text("\n".join([json.dumps(good), '{"doc_id": ', json.dumps(strange), json.dumps(other)]))
    result = call("ingest", source, "--to", tmp_path / "index", "--scenarios", file, "--json")
    assert result.exit_code == 0, result.output
    report = as_json(result)
    assert report["documents"]["written"] == 3
    assert (report["scenarios"]["written"], report["scenarios"]["missing"]) == (1, 2)
    notes = " ".join(report["notes"])
    assert f"Line 2 of {file} is left out" in notes
    assert "1 documents that the source does not have: nobody" in notes
    assert "1 passages" in notes and "made from other text" in notes
