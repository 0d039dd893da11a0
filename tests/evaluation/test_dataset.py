"""Datasets from folders, files and ir_datasets, and what is said of wrong ones."""

from __future__ import annotations

import gzip
import sys
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from augury.errors import MissingDependency, SourceError, UsageError
from augury.evaluation.dataset import open_dataset
from augury.evaluation.qrels_file import read_qrels
from augury.evaluation.queries_file import read_queries

SAMPLE = Path(__file__).parents[2] / "examples/sample"
QUERIES = '{"_id": "q1", "text": "one"}\n{"_id": "q2", "text": "two"}\n{"_id": "q3", "text": "three"}\n'
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td 2\t2\n"


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def beir(folder: Path, queries: str = QUERIES, qrels: str = QRELS) -> Path:
    written(folder / "queries.jsonl", queries)
    written(folder / "qrels/dev.tsv", qrels)
    written(folder / "qrels/test.tsv", qrels)
    return folder


def test_a_beir_folder(tmp_path: Path) -> None:
    found = open_dataset(beir(tmp_path / "mine"), split="dev")
    assert open_dataset(f"{tmp_path / 'mine'}:dev") == found, "as training data is named"
    assert found.name == "mine/dev"
    assert found.queries == {"q1": "one", "q2": "two"} and found.unjudged == 1
    assert found.qrels == {"q1": {"d1": 1}, "q2": {"d 2": 2}}
    assert found.dropped("q1") == frozenset() and not found.exclude_self


def test_the_sample_is_a_dataset() -> None:
    found = open_dataset(SAMPLE)
    assert found.name == "sample/test" and len(found.queries) == 44 and not found.without_text


def test_exclusions_come_from_a_file_and_from_the_name(tmp_path: Path) -> None:
    folder = beir(tmp_path / "ArguAna")
    written(folder / "exclude.tsv", "q1\td7\nq1\td8\nq9\tx\n")
    found = open_dataset(folder)
    assert found.exclude_self and found.dropped("q1") == {"d7", "d8", "q1"} and found.dropped("q2") == {"q2"}
    assert open_dataset(folder, exclude_self=False).dropped("q2") == frozenset()
    assert open_dataset(beir(tmp_path / "other"), exclude_self=True).dropped("q2") == {"q2"}
    written(folder / "exclude.tsv", "q1\td7\nq1 d8\n")
    with pytest.raises(SourceError, match=r"exclude\.tsv:2 excludes nothing"):
        open_dataset(folder)


def test_files_in_every_format_say_the_same(tmp_path: Path) -> None:
    tsv = written(tmp_path / "q.tsv", "id\ttext\nq1\tone\nq2\ttwo\tand a tab\n")
    jsonl = written(tmp_path / "q.jsonl", '{"id": "q1", "query": "one"}\n\n{"qid": 2, "text": ""}\n')
    assert read_queries(tsv) == {"q1": "one", "q2": "two\tand a tab"}
    assert read_queries(jsonl) == {"q1": "one", "2": ""}
    wanted = {"q1": {"d1": 1}, "q2": {"d2": -1}}
    for name, text in (
        ("trec.txt", "q1 0 d1 1\nq2\t0\td2\t-1\n\n"),
        ("beir.tsv", "\ufeffquery-id\tcorpus-id\tscore\r\nq1\td1\t1\r\nq2\td2\t-1\r\nq2\td2\t-1\r\n"),
        ("three.txt", "q1 d1 1\nq2 d2 -1\n"),
        (
            "rows.jsonl",
            '{"query-id": "q1", "corpus-id": "d1", "score": 1}\n'
            '{"query_id": "q2", "doc_id": "d2", "relevance": -1}\n',
        ),
    ):
        assert read_qrels(written(tmp_path / name, text)) == wanted, name
    packed = tmp_path / "qrels.jsonl.gz"
    packed.write_bytes(gzip.compress((tmp_path / "rows.jsonl").read_bytes()))
    assert read_qrels(packed) == wanted
    found = open_dataset(queries=tsv, qrels=tmp_path / "trec.txt")
    assert found.qrels == wanted and found.name.endswith("trec.txt")


def test_queries_without_text_are_counted_and_limits_keep_the_first(tmp_path: Path) -> None:
    found = open_dataset(beir(tmp_path, queries=QUERIES.splitlines()[0]))
    assert list(found.queries) == ["q1"] and found.without_text == ("q2",)
    two = open_dataset(beir(tmp_path))
    assert two.limited(None) is two and two.limited(2) is two
    one = two.limited(1)
    assert list(one.queries) == list(one.qrels) == ["q1"] and "first 1" in one.name


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("q.jsonl", '{"_id": "a", "text": "t"}\n{broken\n', r"q\.jsonl:2 is no query \(.*\)\. Write it as"),
        ("q.jsonl", '["a"]\n', r"q\.jsonl:1 is no query \(no JSON object\)"),
        ("q.jsonl", '{"text": "t"}\n', r":1 is no query \(it has no _id\)"),
        ("q.jsonl", '{"_id": "a", "text": 3}\n', r":1 is no query \(it has no text\)"),
        ("q.jsonl", '\n{"_id": "a", "text": "t"}\n{"_id": "a", "text": "u"}', r":3 has .*'a' again.* line 2"),
        ("q.tsv", "a\tt\n\nb t\n", r"q\.tsv:3 is no query \(no id and tab"),
        ("q.tsv", "a\tt\na\tt\n", r"q\.tsv:2 has the query id 'a' again, which line 1 has"),
        ("q.tsv", "\n", r"q\.tsv has no query"),
    ],
)
def test_wrong_queries_name_file_and_line(tmp_path: Path, name: str, text: str, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        read_queries(written(tmp_path / name, text))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("test.tsv", "q1\td1\t1\nq1\td2\n", r"test\.tsv:2 is no judgement \(it has 2 parts\)"),
        ("test.tsv", "q1\td1\t1\nq1\td2\t0.5\n", r":2 is no judgement: its relevance '0\.5' is no whole"),
        ("test.tsv", "q1\td1\thigh\n", r":1 is no judgement: its relevance 'high' is no whole number"),
        ("test.tsv", "q1\t\t1\n", r":1 is no judgement"),
        ("test.txt", "q1 0 d1 1 x\n", r"test\.txt:1 is no judgement \(it has 5 parts\)"),
        ("test.tsv", "q1\td1\t1\nq1\td1\t2\n", r":2 judges document 'd1' for query 'q1' as 2.* as 1"),
        ("test.tsv", "query-id\tcorpus-id\tscore\n", r"test\.tsv has no judgement"),
        ("test.tsv", "", r"test\.tsv has no judgement"),
        ("test.jsonl", '{"query_id": "q"}\n', r"test\.jsonl:1 is no judgement \(it has no doc_id\)"),
        ("test.jsonl", '{"query_id": "q", "doc_id": "d", "relevance": true}\n', r":1 .*'True' is no whole"),
        ("test.jsonl", "nothing\n", r"test\.jsonl:1 is no judgement"),
    ],
)
def test_wrong_judgements_name_file_and_line(tmp_path: Path, name: str, text: str, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        read_qrels(written(tmp_path / name, text))


def test_a_line_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "q.tsv").write_bytes(b"a\tt\nb\t\xff\n")
    with pytest.raises(SourceError, match=r"q\.tsv:2 cannot be read: byte 0xff is not utf-8"):
        read_queries(tmp_path / "q.tsv")


def test_what_is_not_there_says_what_is(tmp_path: Path) -> None:
    folder = beir(tmp_path / "mine")
    with pytest.raises(SourceError, match=r"train\.tsv is not there\. Choose a split that is: dev, test\."):
        open_dataset(folder, split="train")
    with pytest.raises(SourceError, match=r"queries\.jsonl is not there"):
        open_dataset(folder / "qrels")
    with pytest.raises(SourceError, match=r"queries\.jsonl is a file"):
        open_dataset(folder / "queries.jsonl")
    with pytest.raises(SourceError, match=r"none\.tsv is not there"):
        open_dataset(queries=tmp_path / "none.tsv", qrels=folder / "qrels/dev.tsv")


def test_judgements_of_other_queries_are_refused(tmp_path: Path) -> None:
    folder = beir(tmp_path, qrels="x1\td1\t1\nx2\td1\t1\n")
    with pytest.raises(
        SourceError, match=r"None of the 2 judged queries .* among its 3 queries, such as 'x1'"
    ):
        open_dataset(folder)


def test_a_dataset_is_a_place_or_two_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Both a dataset and files"):
        open_dataset(SAMPLE, queries="q.tsv", qrels="r.txt")
    for queries, qrels in ((None, None), ("q.tsv", None), (None, "r.txt")):
        with pytest.raises(UsageError, match="Name a dataset, or both queries and qrels"):
            open_dataset(queries=queries, qrels=qrels)


class _Collection:
    """What ir_datasets gives for an id, as far as it is used."""

    query = namedtuple("query", ["query_id", "text"])
    qrel = namedtuple("qrel", ["query_id", "doc_id", "relevance"])

    def __init__(self, *, judged: bool = True, fails: bool = False) -> None:
        self._judged, self._fails = judged, fails

    def has_queries(self) -> bool:
        return True

    def has_qrels(self) -> bool:
        return self._judged

    def queries_iter(self) -> Any:
        if self._fails:
            raise ConnectionError("no route to host")
        return iter([self.query("1", "one"), self.query("2", "two")])

    def qrels_iter(self) -> Any:
        return iter([self.qrel("1", "d1", 1)])


def test_an_id_of_ir_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {
        "beir/arguana": _Collection(),
        "beir/raw": _Collection(judged=False),
        "beir/far": _Collection(fails=True),
    }
    monkeypatch.setitem(sys.modules, "ir_datasets", SimpleNamespace(load=known.__getitem__))
    found = open_dataset("beir/arguana")
    assert found.queries == {"1": "one"} and found.qrels == {"1": {"d1": 1}} and found.unjudged == 1
    assert found.name == "beir/arguana" and found.exclude_self
    with pytest.raises(SourceError, match=r"no folder beir/none, and ir_datasets knows no such id"):
        open_dataset("beir/none")
    with pytest.raises(SourceError, match="beir/raw of ir_datasets has no judgements"):
        open_dataset("beir/raw")
    with pytest.raises(SourceError, match="cannot give beir/far: no route to host"):
        open_dataset("beir/far")


def test_without_ir_datasets_an_id_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ir_datasets", None)
    with pytest.raises(MissingDependency, match=r"no folder beir/x; .*pip install 'augury\[ir-datasets\]'"):
        open_dataset("beir/x")
