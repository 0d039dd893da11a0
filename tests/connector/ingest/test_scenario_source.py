"""Scenario files: what they give, what they refuse, and what was never asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from augury.connector.ingest.scenario_source import ScenarioFile, ScenarioSource, clean
from augury.errors import ScenarioFileError
from augury.schemas.document import Document, Passage
from augury.schemas.scenario import Scenario


def record(doc_id: str, *needs: str, **more: Any) -> str:
    entries = [{"information_need": need, "explanation": f"why {need}"} for need in needs]
    return json.dumps({"doc_id": doc_id, "explanation": entries, **more}, ensure_ascii=False)


@contextmanager
def opened(path: Path, *lines: str | bytes) -> Iterator[ScenarioFile]:
    path.write_bytes(b"\n".join(line.encode() if isinstance(line, str) else line for line in lines))
    file = ScenarioFile(path)
    try:
        yield file
    finally:
        file.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scenarios.jsonl"


def passage(doc_id: str, chunk: int = 0) -> Passage:
    return Passage(doc_id=doc_id, chunk=chunk, chunks=9, text="t", content_hash="h")


def needs(source: ScenarioSource, doc_id: str, chunk: int = 0) -> list[str] | None:
    (found,) = source.scenarios([passage(doc_id, chunk)])
    return None if found is None else [each.need for each in found]


def fingerprint(source: ScenarioSource, doc_id: str) -> str:
    return source.fingerprint(Document(id=doc_id, text="t"))


def test_a_line_becomes_scenarios(path: Path) -> None:
    analysis = {"main_topic": "topic", "key_points": ["one", "two"]}
    line = record("a", "need", document_analysis=analysis, generator="g", prompt_hash="p", surplus=1)
    with opened(path, "\ufeff" + line, "", record("b")) as file:
        assert file.scenarios([passage("b"), passage("a"), passage("c")]) == [
            [],
            [
                Scenario(
                    need="need",
                    explanation="why need",
                    topic="topic",
                    key_points=("one", "two"),
                    generator="g",
                    prompt_hash="p",
                )
            ],
            None,
        ]
        assert file.problem_count == 0


def test_lines_of_one_document_add_up_and_chunks_get_their_own(path: Path) -> None:
    lines = [
        record("a", "whole"),
        record("b", "other"),
        record("a", "first", chunk=0),
        record("a", "x", chunk=1),
    ]
    with opened(path, *lines) as file:
        assert needs(file, "a", 0) == ["whole", "first"]
        assert needs(file, "a", 1) == ["whole", "x"]
        assert needs(file, "a", 2) == ["whole"]
    with opened(path, record("a", "first", chunk=0)) as file:
        assert needs(file, "a", 5) == []


def test_the_fingerprint_changes_with_the_document_s_scenarios_only(path: Path) -> None:
    with opened(path, record("a", "one"), record("b", "two")) as file:
        before = {doc_id: fingerprint(file, doc_id) for doc_id in "abc"}
    respelt = json.dumps(json.loads(record("a", "one", information_needs=["x"], surplus=1)), indent=None)
    with opened(path, record("b", "new"), record("c", "three"), respelt.replace(": ", ":")) as file:
        after = {doc_id: fingerprint(file, doc_id) for doc_id in "abc"}
    assert [doc_id for doc_id in "abc" if before[doc_id] != after[doc_id]] == ["b", "c"]
    assert all(value and ":" not in value for value in before.values())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{broken", "Invalid JSON"),
        ("[]", "should be an object"),
        ('{"explanation": []}', "doc_id: Field required"),
        ('{"doc_id": "a"}', "explanation: Field required"),
        ('{"doc_id": "a", "explanation": [{"need": "x"}]}', "explanation.0.information_need"),
        ('{"doc_id": "a", "explanation": [{"information_need": "\\ud800"}]}', "Invalid JSON"),
    ],
)
def test_a_line_that_cannot_be_used_is_told_and_the_others_count(path: Path, line: str, reason: str) -> None:
    with opened(path, record("a", "one"), line, record("b", "two")) as file:
        assert (needs(file, "a"), needs(file, "b")) == (["one"], ["two"])
        (problem,) = file.problems
        assert f"Line 2 of {path}" in str(problem) and reason in str(problem)


def test_problems_are_all_counted_and_the_first_hundred_kept(path: Path) -> None:
    with opened(path, *["{"] * 250) as file:
        assert (len(file.problems), file.problem_count) == (100, 250)


def test_what_nobody_asked_for_is_told(path: Path) -> None:
    count = 2500
    with opened(
        path, *(record(f"d{number:04}", "x") for number in range(count)), record("d0001", "y")
    ) as file:
        fingerprint(file, "d0000")
        needs(file, "d0002")
        assert file.unused_count() == count - 2
        left = list(file.unused())
        assert left == sorted(left) and len(left) == count - 2
        assert "d0001" in left and "d0000" not in left and "d0002" not in left


def test_notes_tell_of_bad_lines_and_of_what_nobody_asked_for(path: Path) -> None:
    with opened(path, *["{"] * 50, record("a", "x"), record("b", "y")) as file:
        needs(file, "a")
        notes = file.notes()
        assert "Line 1 of" in notes[0]
        assert "more lines of" in notes[-2]
        assert "1 documents that the source does not have: b." in notes[-1]
    with opened(path, record("a", "x")) as file:
        needs(file, "a")
        assert file.notes() == []


def test_a_file_that_cannot_be_read_is_an_error(path: Path, tmp_path: Path) -> None:
    with pytest.raises(ScenarioFileError, match="cannot be read: No such file"):
        ScenarioFile(path)
    with pytest.raises(ScenarioFileError, match="cannot be read: Is a directory"):
        ScenarioFile(tmp_path)
    with (
        pytest.raises(ScenarioFileError, match=r"Line 2 of .* is not UTF-8"),
        opened(path, record("a"), b"caf\xe9"),
    ):
        pass


def test_several_threads_may_ask(path: Path) -> None:
    with (
        opened(path, *(record(f"d{number}", f"need {number}") for number in range(200))) as file,
        ThreadPoolExecutor(8) as threads,
    ):
        found = list(threads.map(lambda number: needs(file, f"d{number % 200}"), range(1000)))
    assert found == [[f"need {number % 200}"] for number in range(1000)]


def test_closing_twice_is_fine(path: Path) -> None:
    with opened(path, record("a")) as file:
        file.close()


def test_clean_strips_what_cannot_be_seen() -> None:
    dirty = Scenario(
        need=" A\u200buser\u202e\twants\n\n to\x00 know\ufeff ",
        explanation="\x1b[31mred\ud800",
        topic="\u2066x\u2069",
        key_points=("\u200b", " a  b "),
        chunk=2,
        generator="g",
    )
    assert clean(dirty, 100) == Scenario(
        need="Auser wants to know",
        explanation="[31mred",
        topic="x",
        key_points=("a b",),
        chunk=2,
        generator="g",
    )


def test_clean_caps_each_field_and_drops_what_has_no_need() -> None:
    long = Scenario(need="word " * 10, explanation="e" * 50, topic="t" * 50, key_points=("k" * 8,) * 9)
    assert clean(long, 10) == Scenario(
        need="word word", explanation="e" * 10, topic="t" * 10, key_points=("k" * 8, "kk")
    )
    assert clean(Scenario(need="\u200b \n", explanation="e"), 10) is None


def test_clean_leaves_good_text_as_it_is() -> None:
    good = Scenario(need="Was heißt 日本語?", explanation="because é", key_points=("a", "b"))
    assert clean(good, 2000) == good


@pytest.mark.real
def test_real_scenarios_match_their_corpus(data_dir: Path) -> None:
    folder = data_dir / "eedi_misconceptions"
    file = ScenarioFile(folder / "teacher_scenarios.jsonl")
    with (folder / "corpus.jsonl").open(encoding="utf-8") as lines:
        ids = [json.loads(line)["_id"] for line in lines]
    found = file.scenarios([passage(doc_id) for doc_id in ids])
    assert file.problem_count == 0 and file.unused_count() == 0
    assert all(found)
    file.close()
