"""Two runs, by hand."""

from __future__ import annotations

import pytest

from augury.errors import SourceError, UsageError
from augury.evaluation.compare import compare
from augury.schemas.evaluation import Comparison

QRELS = {"q1": {"a": 1}, "q2": {"a": 1}, "q3": {"a": 2, "b": 0}, "q4": {"a": 1}}
FIRST = {"a": 2.0, "b": 1.0}
SECOND = {"b": 2.0, "a": 1.0}


def test_two_runs_by_hand() -> None:
    a = {"q1": SECOND, "q2": SECOND, "q3": FIRST, "q4": SECOND}
    b = {"q1": FIRST, "q2": FIRST, "q3": SECOND, "q4": SECOND}
    found = compare(a, b, QRELS, "RR@10", texts={"q1": "one"})
    assert (found.a.mean, found.b.mean) == (2.5 / 4, 3 / 4)
    assert found.difference.mean == pytest.approx(0.5 / 4)
    # Of the 8 ways to give .5, .5 and -.5 signs, all add up to .5 or more either way.
    assert found.difference.p == 1.0
    assert found.difference.low <= 0.125 <= found.difference.high
    assert (found.queries, found.better, found.worse, found.same) == (4, 2, 1, 1)
    assert {each.query_id for each in found.won} == {"q1", "q2"} and [
        each.query_id for each in found.lost
    ] == ["q3"]
    one = next(each for each in found.won if each.query_id == "q1")
    assert (one.text, one.a, one.b) == ("one", 0.5, 1.0)
    lost = found.lost[0]
    assert [(each.doc_id, each.relevance) for each in lost.top_a] == [("a", 2), ("b", 0)]
    assert [(each.doc_id, each.relevance) for each in lost.top_b] == [("b", 0), ("a", 2)]
    assert found.notes == () and Comparison.model_validate_json(found.model_dump_json()) == found


def test_the_largest_changes_come_first_and_are_limited() -> None:
    qrels = {f"q{place}": {"a": 1} for place in range(30)}
    empty = {query: {"x": 1.0} for query in qrels}
    ranks = {
        query: {**{f"x{other}": 100.0 - other for other in range(place)}, "a": 1.0}
        for place, query in enumerate(qrels)
    }
    found = compare(empty, ranks, qrels, "RR", changed=4)
    assert [each.query_id for each in found.won] == ["q0", "q1", "q2", "q3"] and found.better == 30
    assert found.difference.p < 0.001
    assert [each.query_id for each in compare(ranks, empty, qrels, "RR").lost][:2] == ["q0", "q1"]


def test_a_run_against_itself_differs_in_nothing() -> None:
    run = {"q1": FIRST}
    found = compare(run, run, QRELS, names=("a.run", "b.run"))
    assert found.difference.mean == 0 and found.difference.p == 1 and not found.won and not found.lost
    assert found.same == 4
    assert found.notes[0] == "a.run lacks judged queries, which count as 0: 3 of 4."


def test_what_cannot_be_compared() -> None:
    found = compare({"q1": FIRST, "x": FIRST}, {"q1": FIRST}, QRELS)
    assert "the first run has queries that nobody judged, which are left out: 1." in found.notes
    with pytest.raises(SourceError, match=r"b\.run has none of the 4 judged queries"):
        compare({"q1": FIRST}, {"x": FIRST}, QRELS, names=("a.run", "b.run"))
    with pytest.raises(UsageError, match="no such measure"):
        compare({"q1": FIRST}, {"q1": FIRST}, QRELS, "bogus")
