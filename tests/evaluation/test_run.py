"""Run files: what is written reads back in the same order, in every program."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augury.errors import SourceError, UsageError
from augury.evaluation.run import check_run, read_run, without, write_run

SCORES = st.floats(-1e30, 1e30, allow_nan=False)


def test_the_file_is_what_trec_eval_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    write_run(path, {"q1": {"d2": 1.5, "d1": -0.25}, "q2": {}, "q3": {"d9": 2}}, "mine")
    assert path.read_text(encoding="utf-8").splitlines() == [
        "q1 Q0 d2 1 1.5 mine",
        "q1 Q0 d1 2 -0.25 mine",
        "q3 Q0 d9 1 2.0 mine",
    ]
    reader: Any = ir_measures.read_trec_run  # has no types
    theirs = [(each.query_id, each.doc_id) for each in reader(str(path))]
    assert theirs == [("q1", "d2"), ("q1", "d1"), ("q3", "d9")]


@given(st.lists(SCORES, min_size=1, max_size=30))
def test_the_order_of_the_run_survives_ties(
    tmp_path_factory: pytest.TempPathFactory, scores: list[float]
) -> None:
    path = tmp_path_factory.mktemp("run") / "a.run"
    run = {"q": {f"d{place}": score for place, score in enumerate(sorted(scores, reverse=True))}}
    write_run(path, run, "t")
    found = read_run(path)["q"]
    assert list(found) == list(run["q"])
    single = [np.float32(score) for score in found.values()]
    assert all(a > b for a, b in pairwise(single))


def test_a_run_of_another_program_is_ordered_as_trec_eval_does(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    path.write_text(
        "q Q0 a 1 0.5 x\nq Q0 b 2 0.5 x\nq Q0 c 3 7 x\n\nq2\tQ0\td\t1\t1e-3\tx\n", encoding="utf-8"
    )
    run = read_run(path)
    assert list(run["q"]) == ["c", "b", "a"] and run["q2"] == {"d": 0.001}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("q Q0 a 1 0.5 x\nq Q0 b 2 0.4\n", r"a\.run:2 is no line of a run \(it has 5 parts, not 6\)"),
        ("q Q0 a 1 high x\n", r"a\.run:1 is no line of a run \(its score is 'high'\)"),
        ("q Q0 a 1 1e300 x\n", r"a\.run:1 .*its score is '1e300'"),
        ("q Q0 a 1 nan x\n", r"a\.run:1 .*its score is 'nan'"),
        ("q Q0 a 1 2 x\nq Q0 a 2 1 x\n", r"a\.run:2 has document 'a' again for query 'q'"),
        ("\n", r"a\.run has no line of a run"),
    ],
)
def test_wrong_lines_are_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "a.run").write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=says):
        read_run(tmp_path / "a.run")


def test_a_run_of_another_collection_is_one_sentence() -> None:
    assert check_run({"q1": {}, "x": {}}, {"q1": {"d": 1}, "q2": {"d": 1}}, "a.run") == 1
    with pytest.raises(
        SourceError, match=r"a\.run has none of the 1 judged queries; its first is 'x', theirs 'q'"
    ):
        check_run({"x": {"d": 1.0}}, {"q": {"d": 1}}, "a.run")


def test_ids_with_blanks_do_not_fit_the_format(tmp_path: Path) -> None:
    for run, tag in (({"q 1": {"d": 1.0}}, "t"), ({"q": {"d 1": 1.0}}, "t"), ({"q": {"d": 1.0}}, "my tag")):
        with pytest.raises(UsageError, match="Use ids without blanks"):
            write_run(tmp_path / "a.run", run, tag)
    assert without({"q": {"a": 2.0, "b": 1.0}}, {"q": frozenset({"a"})}) == {"q": {"b": 1.0}}
