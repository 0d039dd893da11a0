"""Details files: what is written reads back, only beside the run it belongs to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import augury
from augury.errors import SourceError
from augury.evaluation.dataset import Dataset
from augury.evaluation.details import DetailsWriter, details_path, query_details, read_details
from augury.evaluation.evaluate import evaluate
from augury.evaluation.run import read_run, write_run
from augury.schemas.details import QueryDetails
from augury.schemas.hit import Explanation, Hit, Place
from augury.schemas.plan import QueryPlan


@pytest.fixture
def written(index: augury.Index, dataset: Dataset, tmp_path: Path) -> tuple[Path, list[QueryDetails]]:
    """The run of the tiny index with its details, and these as they were handed over."""
    path, told = tmp_path / "a.run", list[QueryDetails]()
    with DetailsWriter() as writer:

        def take(details: QueryDetails) -> None:
            told.append(details)
            writer(path, details)

        found = evaluate(index, dataset, details=take)
        write_run(path, found.run, "t")
        assert not details_path(path).exists()
        assert writer.keep(path) == details_path(path)
    return path, told


def edited(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    lines = change(path.read_text(encoding="utf-8").splitlines())
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_what_is_written_reads_back(written: tuple[Path, list[QueryDetails]], dataset: Dataset) -> None:
    path, told = written
    assert [each.query_id for each in told] == ["q1", "q2", "q3"] and told[2].hits == ()
    second = told[1].hits[1]
    assert (second.doc_id, second.rank, second.score) == ("d2", 2, 3.0)
    assert second.explanation.branches == {"sparse": Place(rank=2, score=3.0)}
    assert told[1].text == "alpha alpha beta" and told[1].plan is not None and told[1].plan.limit == 100
    assert sorted(each.name for each in path.parent.iterdir()) == ["a.run", "a.run.jsonl"]
    found, problem = read_details(details_path(path), read_run(path), dataset.queries)
    assert list(found.values()) == told and problem == ""
    assert list(read_details(details_path(path), read_run(path), ["q2"])[0]) == ["q2"]


def test_every_relevant_document_is_told_and_of_the_others_the_first() -> None:
    place = Explanation(fused=Place(rank=1, score=1.0))
    hits = [Hit(doc_id=f"d{rank}", score=-rank, explanation=place) for rank in range(1, 101)]
    found = query_details("q", "text", None, hits, {"d3": 1, "d40": 2, "d50": 0, "gone": 1})
    assert [hit.rank for hit in found.hits] == [*range(1, 11), 40]


def test_a_failed_query_has_its_line(index: augury.Index, dataset: Dataset) -> None:
    told: list[QueryDetails] = []
    blank = replace(dataset, queries={**dataset.queries, "q1": " "})
    evaluate(index, blank, details=told.append)
    assert (told[0].query_id, told[0].plan, told[0].hits) == ("q1", None, ())


def test_dropped_documents_are_not_in_the_details(index: augury.Index, dataset: Dataset) -> None:
    told: list[QueryDetails] = []
    evaluate(index, replace(dataset, excluded={"q2": frozenset({"d4"})}), details=told.append)
    assert [(hit.doc_id, hit.rank) for hit in told[1].hits] == [("d2", 1), ("d1", 2), ("d3", 3)]


def test_equal_scores_belong_to_their_run(tmp_path: Path) -> None:
    place = Explanation(fused=Place(rank=1, score=0.0))
    for score in (0.0, 1.0, -7.25, 1e-30):
        hits = [Hit(doc_id=f"d{number}", score=score, explanation=place) for number in range(10)]
        write_run(tmp_path / "a.run", {"q": {hit.doc_id: hit.score for hit in hits}}, "t")
        with DetailsWriter() as writer:
            writer(tmp_path / "a.run", query_details("q", "", None, hits, {}))
            path = writer.keep(tmp_path / "a.run")
        assert read_details(path, read_run(tmp_path / "a.run"), ["q"])[1] == ""


def test_a_file_that_is_not_kept_is_removed_and_the_old_one_stays(tmp_path: Path) -> None:
    old = details_path(tmp_path / "a.run")
    old.write_text("old", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt), DetailsWriter() as writer:
        writer(tmp_path / "a.run", QueryDetails(query_id="q", text=""))
        raise KeyboardInterrupt
    assert [each.name for each in tmp_path.iterdir()] == ["a.run.jsonl"] and old.read_text() == "old"


@pytest.mark.parametrize(
    ("run", "problem"),
    [
        (
            "q1 Q0 d5 1 1 t\nq2 Q0 d4 1 4 t\nq2 Q0 d2 2 3.5 t\nq2 Q0 d1 3 2 t\nq2 Q0 d3 4 1 t",
            "score for 'd2'",
        ),
        ("q1 Q0 d5 1 1 t\nq2 Q0 d2 1 4 t\nq2 Q0 d4 2 3 t\nq2 Q0 d1 3 2 t\nq2 Q0 d3 4 1 t", "another rank"),
        ("q1 Q0 d5 1 1 t\nq1 Q0 d1 2 0.5 t\nq2 Q0 d4 1 4 t", "fewer documents for query 'q1'"),
        ("q9 Q0 d5 1 1 t", "'d5' at another rank for query 'q1'"),
    ],
)
def test_details_of_another_run_are_noticed(
    written: tuple[Path, list[QueryDetails]], run: str, problem: str
) -> None:
    path, _ = written
    path.write_text(run + "\n", encoding="utf-8")
    found, says = read_details(details_path(path), read_run(path), ["q1", "q2"])
    assert found == {} and problem in says


def test_details_that_lack_a_query_are_noticed(written: tuple[Path, list[QueryDetails]]) -> None:
    path, _ = written
    edited(details_path(path), lambda lines: lines[1:])
    assert read_details(details_path(path), read_run(path), ["q2"]) == ({}, "it lacks query 'q1'")


def test_wrong_lines_are_named(written: tuple[Path, list[QueryDetails]]) -> None:
    path, _ = written
    details = details_path(path)
    good = details.read_text(encoding="utf-8").splitlines()
    hit = json.loads(good[1])
    del hit["hits"][0]["rank"]
    for line, says in (
        ("{", r"a\.run\.jsonl:2 is no line of details \(Expecting"),
        ("[]", r":2 is no line of details \(no JSON object\)"),
        (json.dumps(hit), r":2 is no line of details \(hits\.0\.rank: Field required\)\. Write the run"),
        ('{"query_id": "q2", "text": "", "hits": 3}', r":2 is no line of details \(hits: "),
        (good[0], r":2 has query 'q1' again"),
    ):
        details.write_text("\n".join([good[0], line, good[2]]) + "\n", encoding="utf-8")
        with pytest.raises(SourceError, match=says):
            read_details(details, read_run(path), ["q1"])


def test_a_line_says_how_it_was_searched_in_short(written: tuple[Path, list[QueryDetails]]) -> None:
    path, told = written
    line = json.loads(details_path(path).read_text(encoding="utf-8").splitlines()[0])
    assert set(line) == {"query_id", "text", "plan", "hits"}
    assert QueryPlan.model_validate(line["plan"]) == told[0].plan and "filter" not in line["plan"]
