"""``augury evaluate`` and ``augury compare``, with hashing encoders but for one run of the real thing."""

from __future__ import annotations

import io
import json
import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

import augury
from augury.cli import main
from augury.cli.show_comparison import show_comparisons
from augury.cli.tables import print_table
from augury.schemas.evaluation import Ablation, Comparison, Evaluation
from tests.hashing import HashingDense, HashingSparse

SAMPLE = Path(__file__).parents[2] / "examples/sample"
DATASET = ("--dataset", SAMPLE)


def call(*arguments: object, **options: Any) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], **options)


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("evaluate") / "index"
    with augury.open(where, dense=HashingDense(), sparse=HashingSparse()) as index:
        index.ingest(augury.open_source(str(SAMPLE)), scenarios=SAMPLE / "scenarios.jsonl")
    return where


@pytest.fixture(autouse=True)
def hashing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands open indexes with the encoders of the tests."""
    if "starter" not in request.node.name:
        monkeypatch.setattr(
            augury, "open", partial(augury.open, dense=HashingDense(), sparse=HashingSparse())
        )


def refused(result: Result, says: str, code: int = 1) -> None:
    assert result.exit_code == code and says in result.output, result.output
    assert "Traceback" not in result.output


def test_measures_for_a_person_and_for_a_machine(where: Path) -> None:
    shown = call("evaluate", where, *DATASET, "-m", "nDCG@10", "-m", "RR", "--branches", "dense")
    assert shown.exit_code == 0, shown.output
    lines = shown.output.splitlines()
    assert lines[0].startswith("sample/test on") and "44 queries, 100 documents each" in lines[0]
    assert lines[2].split() == ["measure", "mean", "95", "%", "interval"] and lines[3].startswith(
        "nDCG@10  0."
    )
    assert any(line.startswith("total") for line in lines)
    told = call("evaluate", where, *DATASET, "-m", "nDCG@10", "--branches", "dense", "--alpha", 0.4, "--json")
    found = Evaluation.model_validate_json(told.stdout)
    assert found.options == {"branches": ["dense"], "alpha": 0.4} and "run" not in json.loads(told.stdout)
    assert f"{found.measures['nDCG@10'].mean:.3f}" in lines[3] and len(found.outcomes) == 44


def test_runs_reports_and_comparisons(where: Path, tmp_path: Path) -> None:
    run, page = tmp_path / "my.run", tmp_path / "report.html"
    options = ("--run", run, "--html", page, "--limit-queries", 9, "--quiet")
    found = call("evaluate", where, *DATASET, "--ablate", *options)
    assert found.exit_code == 0, found.output
    names = ["dense", "fused", "scenarios", "sparse"]
    assert sorted(path.name for path in tmp_path.glob("*.run")) == [f"my.{name}.run" for name in names]
    assert sorted(path.name for path in tmp_path.glob("*.run.*")) == [
        f"my.{name}.run.jsonl" for name in names
    ]
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>") and f"Wrote {page}" in found.output
    assert "nDCG@10" in found.output and "- dense" in found.output and "p (Holm)" in found.output
    assert "fused + rerank was not run: No reranker is named." in found.output
    assert "first 9 queries" in found.output
    runs = (tmp_path / "my.dense.run", tmp_path / "my.fused.run")
    shown = call("compare", *runs, *DATASET)
    assert shown.exit_code == 0, shown.output
    assert "b - a" in shown.output and "b wins most" in shown.output
    assert f"note {runs[0]} lacks judged queries, which count as 0: 35 of 44." in shown.output
    told = json.loads(call("compare", *runs, *DATASET, "-m", "nDCG@10", "-m", "AP", "--json").stdout)
    comparisons = [Comparison.model_validate(each) for each in told["comparisons"]]
    assert [each.measure for each in comparisons] == ["nDCG@10", "AP"] and told["dataset"] == "sample/test"


@pytest.fixture(scope="module")
def runs(where: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The dense and the scenarios run of the sample, with their details."""
    folder = tmp_path_factory.mktemp("runs")
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(augury, "open", partial(augury.open, dense=HashingDense(), sparse=HashingSparse()))
        for name in ("dense", "scenarios"):
            found.append(folder / f"{name}.run")
            written = call("evaluate", where, *DATASET, "--branches", name, "--run", found[-1])
            assert f"Wrote {found[-1]}.jsonl" in written.output
    return found[0], found[1]


def test_a_comparison_says_why(runs: tuple[Path, Path]) -> None:
    shown = call("compare", *runs, *DATASET)
    assert shown.exit_code == 0, shown.output
    lines = shown.output.splitlines()
    head = next(line for line in lines if line.strip().startswith("document"))
    assert head.split() == ["document", "rel", "rank", "dense", "scenarios"]
    assert re.search(r"relevant \S+: rank \d+ in a, rank \d+ in b: its scenario '.+' lifts it", shown.output)
    assert re.search(r"^ {3}\S+ .+ +[12] +\d+ -> \d+ +\d+ -> +-> \d+$", shown.output, re.MULTILINE)
    assert re.search(r"^ {6}a, b: 0\.\d\d A ", shown.output, re.MULTILINE)
    assert not any(line.startswith("note") for line in lines)
    told = json.loads(call("compare", *runs, *DATASET, "--json").stdout)
    for each in (Comparison.model_validate(each) for each in told["comparisons"]):
        for query in (*each.won, *each.lost):
            assert query.plan_a is not None and query.plan_b is not None and query.reasons
            best = query.documents[0]
            assert (best.relevance or 0) > 0 and best.title
            assert all(place.explanation for place in (best.a, best.b) if place)


def test_a_comparison_without_the_details_or_with_others(runs: tuple[Path, Path], tmp_path: Path) -> None:
    dense, scenarios = (Path(shutil.copy(path, tmp_path)) for path in runs)
    none = call("compare", dense, scenarios, *DATASET).output
    assert f"note {dense} has no details" in none and f"note {scenarios} has no details" in none
    assert "   a: " in none and "   document" not in none
    shutil.copy(f"{runs[1]}.jsonl", tmp_path)
    one = call("compare", dense, scenarios, *DATASET).output
    assert f"note {dense} has no details" in one and f"note {scenarios}" not in one and "   document" in one
    assert re.search(r"\d+ -> \d+ +\? -> \d+$", one, re.MULTILINE)
    shutil.copy(f"{runs[1]}.jsonl", f"{dense}.jsonl")
    stale = call("compare", dense, scenarios, *DATASET)
    assert stale.exit_code == 0 and f"note {dense}.jsonl does not belong to dense.run" in stale.output
    Path(f"{dense}.jsonl").write_text('{"query_id": "q01"}\n', encoding="utf-8")
    refused(
        call("compare", dense, scenarios, *DATASET), "dense.run.jsonl:1 is no line of details (text: Field"
    )


def test_ranks_after_reranking_and_diversity_have_their_columns(capsys: pytest.CaptureFixture[str]) -> None:
    query = {"query": "q", "branches": [{"name": "dense", "using": "dense", "limit": 9}]}
    by = {"by": "cross-encoder", "model": "m", "depth": 5, "weight": 1}
    place = {"rank": 7, "score": 1.0}
    explanation = {"branches": {"dense": place}, "fused": place, "diversified": {"rank": 3, "score": 0.5}}
    found = Comparison.model_validate(
        {
            "measure": "RR",
            "a": {"mean": 0, "low": 0, "high": 0},
            "b": {"mean": 1, "low": 1, "high": 1},
            "difference": {"mean": 1, "low": 1, "high": 1, "p": 1},
            "queries": 1,
            "better": 1,
            "worse": 0,
            "same": 0,
            "won": [
                {
                    "query_id": "q",
                    "a": 0,
                    "b": 1,
                    "plan_a": {**query, "rerank": by},
                    "plan_b": {**query, "diversity": 0.5},
                    "documents": [
                        {
                            "doc_id": "[b]",
                            "title": "x\x1b[2J",
                            "relevance": 1,
                            "a": {"rank": 7, "explanation": {"branches": {}, "fused": place}},
                            "b": {"rank": 1, "explanation": explanation},
                        },
                        {"doc_id": "gone", "b": {"rank": 2}},
                    ],
                }
            ],
        }
    )
    show_comparisons([found], ("a.run", "b.run"))
    lines = capsys.readouterr().out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.strip().startswith("document"))
    # a did not rerank it and its dense branch did not find it; of the other document nothing is known.
    assert [line.split() for line in lines[start : start + 3]] == [
        ["document", "rel", "rank", "dense", "reranked", "diversified"],
        ["[b]", "x[2J", "1", "7", "->", "1", "-", "->", "7", "-", "->", "->", "3"],
        ["gone", "?", "-", "->", "2", "?", "->", "?", "?", "->", "->", "?"],
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_a_comparison_fits_a_terminal(
    runs: tuple[Path, Path], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=width, highlight=False)
    for module in ("tables", "show_comparison", "show_evaluation"):
        monkeypatch.setattr(f"augury.cli.{module}.console", lambda: screen)
    assert call("compare", *runs, *DATASET).exit_code == 0
    drawn = re.sub(r"\x1b\[[0-9;]*m", "", screen.file.getvalue())  # type: ignore[attr-defined]
    assert "nDCG@10" in drawn and max(map(len, drawn.splitlines())) <= width
    rows = [line for line in drawn.splitlines() if re.search(r" -> .*\d$", line) and line.startswith("   ")]
    assert len(rows) > 10


def test_a_run_measures_the_same_when_read_back(where: Path, tmp_path: Path) -> None:
    run = tmp_path / "a.run"
    one = Evaluation.model_validate_json(call("evaluate", where, *DATASET, "--run", run, "--json").stdout)
    told = json.loads(call("compare", run, run, *DATASET, "--json").stdout)
    again = [Comparison.model_validate(each) for each in told["comparisons"]]
    assert {each.measure: each.a for each in again} == one.measures
    assert all(each.difference.p == 1.0 and each.same == 44 for each in again)


def test_an_ablation_as_json_with_rules(where: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text('[synonyms]\nshower = "drain"\n', encoding="utf-8")
    result = call(
        "evaluate",
        where,
        *DATASET,
        "--ablate",
        "--rules",
        tmp_path / "rules.toml",
        "--limit-queries",
        2,
        "--json",
    )
    found = Ablation.model_validate_json(result.stdout)
    assert [row.name for row in found.rows][-1] == "fused + expansion"
    assert all(not row.evaluation.run for row in found.rows)


def test_a_query_that_fails_is_reported_and_ends_with_1(where: Path, tmp_path: Path) -> None:
    (tmp_path / "q.tsv").write_text("a\t \nb\ttelescope mirror\n", encoding="utf-8")
    (tmp_path / "r.txt").write_text(
        "a 0 astronomy-05 1\nb 0 astronomy-05 1\nc 0 nowhere 1\n", encoding="utf-8"
    )
    files = ("--queries", tmp_path / "q.tsv", "--qrels", tmp_path / "r.txt")
    found = call("evaluate", where, *files)
    assert found.exit_code == 1
    for part in (
        "note Failed queries, which count as 0: 1 of 2.",
        "note Judged queries without text, which are left out: 1, such as 'c'.",
        "failed a: The query is empty. Say what you are looking for.",
    ):
        assert part in found.output
    told = call("evaluate", where, *files, "--json")
    assert told.exit_code == 1 and json.loads(told.stdout)["queries"]["failed"] == 1


def test_a_query_drops_itself_where_that_is_asked_for(where: Path, tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"_id": "cooking-01", "text": "cake"}\n', encoding="utf-8")
    (tmp_path / "r.jsonl").write_text(
        '{"query_id": "cooking-01", "doc_id": "cooking-01", "relevance": 1}\n', encoding="utf-8"
    )
    files = (
        "--queries",
        tmp_path / "q.jsonl",
        "--qrels",
        tmp_path / "r.jsonl",
        "-m",
        "R@100",
        "--depth",
        132,
    )
    kept = Evaluation.model_validate_json(call("evaluate", where, *files, "--keep-self", "--json").stdout)
    dropped = Evaluation.model_validate_json(
        call("evaluate", where, *files, "--exclude-self", "--json").stdout
    )
    assert (kept.exclude_self, dropped.exclude_self) == (False, True) and kept.depth == 132
    assert (kept.measures["R@100"].mean, dropped.measures["R@100"].mean) == (1.0, 0.0)


def test_what_is_wrong_is_one_sentence(where: Path, tmp_path: Path) -> None:
    refused(call("evaluate", where), "Name a dataset, or both queries and qrels", 2)
    refused(call("evaluate", where, *DATASET, "--qrels", "r.txt"), "Both a dataset and files were named", 2)
    refused(call("evaluate", where, *DATASET, "-m", "bogus"), "no such measure as 'bogus'", 2)
    refused(call("evaluate", where, *DATASET, "--split", "dev"), "Choose a split that is: test.")
    refused(call("evaluate", tmp_path / "none", *DATASET), "does not exist")
    refused(call("evaluate", where, *DATASET, "--html", tmp_path / "no/r.html"), "There is no folder", 2)
    refused(call("evaluate", where, *DATASET, "--rerank", 5), "This index has no reranker")
    refused(call("evaluate", where, *DATASET, "--expand", "rules"), "--expand rules needs a table", 2)
    failed = call("evaluate", where, *DATASET, "--split", "dev", "--json")
    assert failed.exit_code == 1 and json.loads(failed.stdout)["error"]["type"] == "SourceError"
    (tmp_path / "a.run").write_text("x Q0 d 1 1 t\n", encoding="utf-8")
    refused(
        call("compare", tmp_path / "a.run", tmp_path / "a.run", *DATASET), "has none of the 44 judged queries"
    )
    refused(call("compare", tmp_path / "b.run", tmp_path / "a.run", *DATASET), "b.run is not there")


def test_tables_are_drawn_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=60)
    monkeypatch.setattr("augury.cli.tables.console", lambda: screen)
    print_table(["name", "mean"], [["[bold]x[/]\x1b[2J", "0.5"], ["y", "0.25"]], title="[a]")
    drawn = re.sub(r"\x1b\[[0-9;]*m", "", screen.file.getvalue())  # type: ignore[attr-defined]
    assert "\x1b" not in drawn and "───" in drawn and "[bold]x[/][2J" in drawn and "[a]" in drawn
    assert [line.split()[-1] for line in drawn.splitlines() if line.endswith("5 ")] == ["0.5", "0.25"]


def test_tables_are_aligned_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name", "mean"], [["long name", "0.5"], ["y", "10.25"]], title="a title")
    assert capsys.readouterr().out == "a title\nname        mean\nlong name    0.5\ny          10.25\n"


def test_the_starter_models_on_the_sample(tmp_path: Path) -> None:
    assert call("ingest", SAMPLE, "--to", tmp_path / "i", "--sparse", "none", "--json").exit_code == 0
    found = call("evaluate", tmp_path / "i", *DATASET, "--json")
    assert found.exit_code == 0, found.output
    evaluation = Evaluation.model_validate_json(found.stdout)
    assert evaluation.measures["nDCG@10"].mean > 0.5 and evaluation.profile.dense.model == "starter:minilm"


def test_a_run_can_go_to_standard_output(where: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = call("evaluate", where, *DATASET, "--limit-queries", 2, "--run", "/dev/stdout", "--json")
    assert found.exit_code == 0, found.output
    assert " Q0 " in capfd.readouterr().out
