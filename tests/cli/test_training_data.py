"""``augury data``, ``generate queries|negatives`` and ``mine``, as a user calls them."""

from __future__ import annotations

import json
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import augury
from augury.cli import main
from augury.trainers.data.open import open_training_data
from tests.hashing import HashingDense, HashingSparse
from tests.llm_server import LlmServer
from tests.trainers.data.test_generate import write_negative, write_queries

SAMPLE = Path(__file__).parents[2] / "examples/sample"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own, no server from outside, and the encoders of the tests."""
    monkeypatch.setenv("AUGURY_CACHE", str(tmp_path / "cache"))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(augury, "open", partial(augury.open, dense=HashingDense(), sparse=HashingSparse()))


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def as_json(result: Result) -> Any:
    assert result.stdout.count("\n") == 1, result.output
    return json.loads(result.stdout)


def test_convert_stats_and_split(tmp_path: Path) -> None:
    output = tmp_path / "new/train.jsonl"
    shown = call("data", "convert", SAMPLE, "--split", "test", "--to", output)
    assert shown.exit_code == 0 and "44 records of 44 rows (beir)" in shown.output
    counted = as_json(call("data", "stats", output, "--json"))
    assert (counted["queries"], counted["without_negatives"], counted["read"]["format"]) == (44, 44, "own")
    table = call("data", "stats", output).output
    assert "positives of a record" in table and "note 44 records have no negative." in table
    parts = as_json(call("data", "split", output, "--to", tmp_path / "parts", "--json"))
    assert sum(parts["sides"].values()) == 44
    assert len(list(open_training_data(tmp_path / "parts/dev.jsonl"))) == parts["sides"]["dev"] > 0
    assert "groups" in call("data", "split", output, "--to", tmp_path / "parts").output


def test_a_bad_line_ends_with_1_and_is_told(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("anchor,positive\na,b\nc,\n")
    shown = call("data", "convert", path, "--to", tmp_path / "o.jsonl")
    assert shown.exit_code == 1 and "1 records of 1 rows (triplets); 1 failed" in shown.output
    assert f"failed {path}:3 cannot be used as triplets data: 'positive' is empty" in shown.output
    assert len((tmp_path / "o.jsonl").read_text().splitlines()) == 1
    for wrong, says in ((tmp_path / "none", "is not there"), (tmp_path, "no folder in BEIR layout")):
        result = call("data", "stats", wrong)
        assert result.exit_code == 1 and says in result.output and "Traceback" not in result.output


def test_queries_of_an_index_and_of_a_source_then_negatives(tmp_path: Path) -> None:
    index, output = tmp_path / "index", tmp_path / "q.jsonl"
    source = tmp_path / "c.jsonl"
    source.write_text('{"_id": "a", "text": "Rain falls."}\n{"_id": "b", "text": "Yeast eats."}\nno json\n')
    assert call("ingest", source, "--to", index, "--json").exit_code == 1
    with LlmServer(write_queries) as server:
        llm = ("--llm-url", server.url)
        of_index = as_json(call("generate", "queries", index, "--to", output, *llm, "--json"))
        assert (of_index["made"], of_index["read"], of_index["unreadable"]) == (10, 2, 0)
        result = call("generate", "queries", source, "--to", output, "--kinds", "claim,question", *llm)
        assert result.exit_code == 1 and "4 queries made of 4 asked for: 0 dropped, 0 failed" in result.output
        assert "2 passages read, 0 skipped as noise, 1 unreadable" in result.output
        assert call("generate", "queries", source, "--to", output, "--kinds", "poem", *llm).exit_code == 2
    with LlmServer(write_negative) as server:
        more = tmp_path / "n.jsonl"
        llm = ("--llm-url", server.url)
        shown = call("generate", "negatives", output, "--to", more, "--strategies", "entity", *llm)
        assert shown.exit_code == 0 and "4 negatives made of 4 asked for" in shown.output
    assert all(len(record.negatives) == 1 for record in open_training_data(more))


def test_mine_with_judgements_a_file_and_citations(tmp_path: Path) -> None:
    index, output = tmp_path / "index", tmp_path / "m.jsonl"
    assert call("ingest", SAMPLE, "--to", index, "--json").exit_code == 0
    command = ("mine", index, "--dataset", SAMPLE, "--split", "test", "--branches", "dense")
    report = as_json(call(*command, "--to", output, "--teacher", "dense", "--ratio", 0.95, "--json"))
    assert report["mined"] == 44 and report["negatives"] > 0 and report["dropped"]["a positive"] > 0
    again = call(*command, "--to", output, "--teacher", "dense", "--ratio", 0.95)
    assert "44 queries: 0 mined, 44 were finished before, 0 failed" in again.output
    other = call(*command, "--to", output)
    assert other.exit_code == 2 and "was mined with another teacher" in other.output
    counted = as_json(call("data", "stats", output, "--json"))
    assert (counted["contradictions"], counted["doubtful_negatives"]) == (0, 0)
    from_file = as_json(call("mine", index, "--file", output, "--to", tmp_path / "f.jsonl", "--json"))
    assert from_file["mined"] == 44 and from_file["read"]["records"] == 44
    graph = tmp_path / "graph.jsonl"
    graph.write_text('{"id": "household-02", "cites": ["household-01", "cooking-01"]}\n')
    cited = as_json(
        call("mine", index, "--file", output, "--citations", graph, "--to", tmp_path / "c.jsonl", "--json")
    )
    assert cited["candidates"] > 0
    refused = call("mine", index, "--file", output, "--dataset", SAMPLE, "--to", tmp_path / "x")
    assert refused.exit_code == 2 and "Give one of them" in refused.output
    assert call("mine", index, "--file", output, "--to", "x", "--from", 9, "--to-rank", 3).exit_code == 2


def test_preferences_and_expansions_from_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of the request makes each expansion another one."""
    opened = partial(augury.open, dense=HashingDense(), sparse=HashingSparse())
    monkeypatch.setattr("augury.trainers.data.preferences.run.open_index", opened)
    index, output, numbers = tmp_path / "index", tmp_path / "pairs.jsonl", count()
    assert call("ingest", SAMPLE, "--to", index, "--json").exit_code == 0

    def write(request: Any) -> str:
        words = request["messages"][-1]["content"].split("\n\n")[1].split()
        number = next(numbers)
        return " ".join([*(words if number % 2 else ["noise"]), str(number)])

    with LlmServer(write) as server:
        command = ("generate", "preferences", f"{SAMPLE}:test", "--to", output, "--llm-url", server.url)
        given = (
            *command,
            "--index",
            index,
            "--queries",
            6,
            "--samples",
            2,
            "--temperatures",
            "0.8,1.0",
            "--branches",
            "dense",
        )
        report = as_json(call(*given, "--query-weight", 0.3, "--json"))
        assert report["queries"] == 6 == report["pairs"] + sum(report["without_pair"].values())
        assert report["pairs"] > 0 and report["worst"] <= report["expanded"] <= report["best"]
        assert len(output.read_text("utf-8").splitlines()) == report["pairs"]
        asked = len(server.requests)
        again = call(*given, "--query-weight", 0.3)
        assert again.exit_code == 0 and "6 were finished before" in again.output
        assert "RR of the queries as they are" in again.output and len(server.requests) == asked == 24
        other = call(*given)
        assert other.exit_code == 2 and "made with another weight of the query: 0.3" in other.output
        assert call(*command, "--reward", "both").exit_code == 2
        assert call(*command, "--temperatures", "warm").exit_code == 2
        expanded = tmp_path / "expanded.jsonl"
        told = call(
            "generate",
            "expansions",
            f"{SAMPLE}:test",
            "--to",
            expanded,
            "--llm-url",
            server.url,
            "--passages",
            2,
        )
        assert told.exit_code == 0 and "88 expansions made of 88 asked for" in told.output
    assert {len(record.expansions) for record in open_training_data(expanded)} == {2}
