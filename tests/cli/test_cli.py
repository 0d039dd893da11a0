"""The command line, with the real starter models."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import augury
from augury.cli import main

SAMPLE = Path(__file__).parents[2] / "examples/sample"


def call(*arguments: object, **options: Any) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], **options)


def as_json(result: Result) -> Any:
    assert result.stdout.count("\n") == 1, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def sample_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("cli") / "index"
    result = call(
        "ingest",
        SAMPLE,
        "--to",
        where,
        "--scenarios",
        SAMPLE / "scenarios.jsonl",
        "--filter-field",
        "year:integer",
        "--json",
    )
    assert result.exit_code == 0, result.output
    report = as_json(result)
    assert report["documents"] == {"read": 132, "written": 132, "unchanged": 0, "failed": 0, "deleted": 0}
    assert report["scenarios"]["missing"] == 0
    assert {"passages", "seconds", "documents_per_second", "stage_seconds"} <= set(report)
    return where


def test_search_finds_what_shares_no_words_and_says_why(sample_index: Path) -> None:
    query = "a nasty stink comes up from the shower in the spare room that nobody uses"
    result = call("search", sample_index, query, "--branches", "scenarios", "--json")
    found = as_json(result)
    assert found["hits"][0]["doc_id"] == "household-02"
    assert {"doc_id", "score", "title", "text", "explanation"} <= set(found["hits"][0])
    why = found["hits"][0]["explanation"]
    assert 0 < why["scenario"]["similarity"] < 1
    assert why["branches"]["scenarios"]["rank"] == why["fused"]["rank"] == 1
    assert "plan" not in found
    assert {"encode", "search", "total"} <= set(found["timings_ms"])


def test_search_prints_one_line_a_hit_when_piped(sample_index: Path) -> None:
    result = call("search", sample_index, "a smelly shower", "-n", 3)
    lines = result.stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["1", "2", "3"]
    assert all(len(line.split("\t")) == 6 for line in lines)


def test_where_and_filter_narrow_the_hits(sample_index: Path) -> None:
    result = call(
        "search", sample_index, "how do I mend it", "--where", "year>=2020", "--where", "subject=household",
        "--filter", '{"must_not": [{"key": "metadata.level", "match": {"value": "advanced"}}]}', "--json",
    )  # fmt: skip
    hits = as_json(result)["hits"]
    assert hits
    assert all(hit["metadata"]["year"] >= 2020 and hit["metadata"]["subject"] == "household" for hit in hits)
    assert all(hit["metadata"]["level"] == "beginner" for hit in hits)


@pytest.mark.parametrize(
    "branches", ["dense", "sparse", "scenarios", "dense,sparse", "scenarios,dense,sparse"]
)
def test_any_subset_of_branches(sample_index: Path, branches: str) -> None:
    query = "water under pressure takes minutes or hours"  # BM25 finds only what has a word of it
    hits = as_json(call("search", sample_index, query, "--branches", branches, "--json"))["hits"]
    assert len(hits) == 10
    assert all(set(hit["explanation"]["branches"]) <= set(branches.split(",")) for hit in hits)


def test_a_second_ingest_and_status_agree(sample_index: Path) -> None:
    again = as_json(call("ingest", SAMPLE, "--to", sample_index, "--json"))
    assert again["documents"]["unchanged"] == 132
    status = as_json(call("status", sample_index, "--json"))
    assert (status["documents"], status["passages"]) == (132, 132)
    assert status["scenario_passages"] == {"complete": 132, "missing": 0, "off": 0}
    assert status["payload_indexes"]["metadata.year"] == "integer"
    shown = call("status", sample_index)
    assert "132" in shown.stdout and "starter:minilm" in shown.stdout


def test_refold_and_back(sample_index: Path) -> None:
    before = as_json(call("search", sample_index, "a smelly shower", "--branches", "scenarios", "--json"))
    assert as_json(call("refold", sample_index, "--alpha", 0.8, "--json"))["alpha"] == 0.8
    changed = as_json(call("search", sample_index, "a smelly shower", "--branches", "scenarios", "--json"))
    assert changed["hits"][0]["score"] != pytest.approx(before["hits"][0]["score"], abs=1e-3)
    call("refold", sample_index, "--alpha", 0.3)
    after = as_json(call("search", sample_index, "a smelly shower", "--branches", "scenarios", "--json"))
    assert [hit["doc_id"] for hit in after["hits"]] == [hit["doc_id"] for hit in before["hits"]]


def test_standard_input_and_bm25(tmp_path: Path) -> None:
    lines = '{"id": "a", "text": "the red bicycle"}\n{"id": "b", "text": "a blue boat"}\n{broken\n'
    result = call("ingest", "-", "--to", tmp_path / "i", "--sparse", "bm25", "--json", input=lines)
    report = as_json(result)
    assert result.exit_code == 1
    assert report["documents"]["written"] == 2 and report["documents"]["failed"] == 1
    assert "3" in report["failures"][0]["source"] + report["failures"][0]["reason"]
    assert (tmp_path / "i/dead-letters.jsonl").exists()
    hits = as_json(call("search", tmp_path / "i", "boat", "--branches", "sparse", "--json"))["hits"]
    assert [hit["doc_id"] for hit in hits] == ["b"]


def test_errors_are_one_sentence_with_the_next_step(tmp_path: Path, sample_index: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/notes.txt").write_text("not an index", encoding="utf-8")
    cases = [
        (("search", tmp_path / "nowhere", "q"), 1, "ingest something"),
        (("search", tmp_path / "file", "q"), 1, ""),
        (("search", tmp_path / "folder", "q"), 1, ""),
        (("ingest", SAMPLE, "--to", tmp_path / "folder"), 1, ""),
        (("ingest", tmp_path / "absent", "--to", tmp_path / "i"), 1, ""),
        (("ingest", SAMPLE, "--to", sample_index, "--dense", "starter:other"), 1, "starter:minilm"),
        (("ingest", SAMPLE, "--to", sample_index, "--sparse", "starter:splade-tiny"), 1, "bm25"),
        (("ingest", SAMPLE, "--to", sample_index, "--alpha", "0.9"), 2, "augury refold"),
        (("ingest", SAMPLE, "--to", tmp_path / "i", "--dense", "starter:unknown"), 1, "starter:minilm"),
        (("search", sample_index, " "), 1, "empty"),
        (("search", sample_index, "q", "--where", "year"), 1, "key=value"),
        (("search", sample_index, "q", "--filter", "{"), 1, "JSON"),
        (("search", sample_index, "q", "--filter", '{"mist": []}'), 1, ""),
        (("search", sample_index, "q", "--branches", "colbert"), 2, "scenarios, dense, sparse"),
        (("ingest", SAMPLE, "--to", tmp_path / "i", "--scenarios", tmp_path / "absent"), 1, ""),
        (
            ("ingest", SAMPLE, "--to", tmp_path / "i", "--chunk-min", "900", "--chunk-max", "100"),
            2,
            "max_chars",
        ),
        (("ingest", SAMPLE, "--to", "http://localhost:6333"), 2, "COLLECTION"),
        (("refold", sample_index, "--alpha", "1"), 2, ""),
    ]
    for arguments, code, sentence in cases:
        result = call(*arguments)
        assert result.exit_code == code, (arguments, result.output)
        assert result.exception is None or isinstance(result.exception, SystemExit), arguments
        assert "Traceback" not in result.output and sentence in result.output, (arguments, result.output)


def test_an_error_is_json_too(tmp_path: Path) -> None:
    result = call("search", tmp_path / "nowhere", "q", "--json")
    assert result.exit_code == 1
    assert as_json(result)["error"]["type"] == "IndexNotFound"


def test_an_index_that_another_process_holds_is_refused(sample_index: Path) -> None:
    with augury.open(sample_index, create=False):
        done = subprocess.run(
            [sys.executable, "-m", "augury", "status", str(sample_index)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and "is open elsewhere" in done.stderr


def test_models_are_listed_fetched_and_found() -> None:
    names = {model["name"]: model for model in as_json(call("models", "list", "--json"))["models"]}
    assert names["starter:minilm"]["here"]
    assert Path(as_json(call("models", "fetch", "starter:minilm", "--json"))["starter:minilm"]).is_dir()
    folder = Path(call("models", "path", "starter:minilm").stdout.strip())
    assert (folder / "config.json").is_file()


def test_version_and_help() -> None:
    assert augury.__version__ in call("--version").stdout
    for command in ("ingest", "search", "status", "refold", "models"):
        assert call(command, "--help").stdout.startswith("Usage: ")
    done = subprocess.run([sys.executable, "-m", "augury", "--version"], capture_output=True, check=True)
    assert augury.__version__ in done.stdout.decode()
