"""Measures of runs, and the collections they are taken on."""

from __future__ import annotations

from pathlib import Path

import pytest

from augury.errors import SourceError, UsageError
from augury.evaluation.beir import load_qrels, load_queries
from augury.evaluation.measure import measure, to_run
from augury.schemas.hit import Explanation, Hit, Place, SearchResult
from augury.schemas.plan import Branch, QueryPlan

SAMPLE = Path(__file__).parents[2] / "examples/sample"


def test_a_judged_query_without_a_run_counts_as_zero() -> None:
    qrels = {"q1": {"a": 1}, "q2": {"b": 1}}
    assert measure(qrels, {"q1": {"a": 2.0, "x": 1.0}}, ["nDCG@10", "RR@10"]) == {
        "nDCG@10": 0.5,
        "RR@10": 0.5,
    }


def test_equal_scores_keep_the_order_of_the_hits() -> None:
    place = Place(rank=1, score=1.0)
    hits = [Hit(doc_id=name, score=1.0, explanation=Explanation(fused=place)) for name in ("z", "a")]
    plan = QueryPlan(query="q", branches=(Branch(name="dense", using="dense", limit=2),))
    run = to_run({"q": SearchResult(query="q", hits=hits, plan=plan)})
    assert measure({"q": {"z": 1}}, run, ["RR@10"]) == {"RR@10": 1.0}


def test_a_measure_that_is_none_is_named() -> None:
    with pytest.raises(UsageError, match="no such measure"):
        measure({"q": {"a": 1}}, {}, ["bogus@10"])


def test_the_sample_is_whole() -> None:
    queries, qrels = load_queries(SAMPLE), load_qrels(SAMPLE, "test")
    corpus = (SAMPLE / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(corpus) >= 120 and len(queries) >= 40 and set(qrels) == set(queries)


def test_a_missing_split_and_a_broken_line_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"dev\.tsv is not there"):
        load_qrels(SAMPLE, "dev")
    (tmp_path / "queries.jsonl").write_text('{"_id": "a", "text": "t"}\n{broken\n', encoding="utf-8")
    with pytest.raises(SourceError, match=r"queries\.jsonl:2"):
        load_queries(tmp_path)
