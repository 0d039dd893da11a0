"""Ingest as a whole, on the embedded engine."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

import augury
from augury import Document
from augury.errors import DocumentError, IndexUnfinished, ModelOutputError, SourceError, UsageError
from augury.schemas.points import FloatArray
from augury.schemas.profile import ChunkProfile, Profile, ScenarioProfile
from tests.hashing import HashingDense, HashingSparse

LONG = " ".join(f"Sentence number {i} speaks of topic {i % 7} at some length." for i in range(120))


@pytest.fixture
def where(tmp_path: Path) -> Path:
    return tmp_path / "index"


def opened(where: Path, **options: object) -> augury.Index:
    return augury.open(where, dense=HashingDense(), sparse=HashingSparse(), **options)  # type: ignore[arg-type]


def documents(count: int) -> list[Document]:
    return [
        Document(id=f"d{i}", title=f"Title {i}", text=f"word{i} common text", metadata={"n": i})
        for i in range(count)
    ]


def payloads(index: augury.Index) -> dict[str, dict[str, object]]:
    return {str(record.id): record.payload for batch in index.store.scroll() for record in batch}


def scenario_file(path: Path, needs: dict[str, list[str]]) -> Path:
    lines = [
        json.dumps({"doc_id": doc_id, "explanation": [{"information_need": need} for need in each]})
        for doc_id, each in needs.items()
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def adds_up(report: augury.IngestReport) -> bool:
    counts = report.documents
    return counts.read == counts.written + counts.unchanged + counts.failed


def test_a_second_run_changes_nothing(where: Path) -> None:
    with opened(where) as index:
        first = index.ingest(documents(20))
        before = payloads(index)
        second = index.ingest(documents(20))
        assert (first.documents.written, first.passages.written) == (20, 20)
        assert (second.documents.unchanged, second.passages.written) == (20, 0)
        assert adds_up(first) and adds_up(second)
        assert payloads(index) == before


def test_a_changed_document_is_replaced_and_its_old_passages_go(where: Path) -> None:
    with opened(where) as index:
        index.ingest([Document(id="a", text=LONG), Document(id="b", text="stays")])
        many = index.store.count({"must": [{"key": "doc_id", "match": {"value": "a"}}]})
        report = index.ingest([Document(id="a", text="now it is short"), Document(id="b", text="stays")])
        assert many > 1
        assert (report.documents.written, report.documents.unchanged) == (1, 1)
        assert report.passages.deleted == many - 1
        assert [hit.text for hit in index.search("short", limit=5, branches=("sparse",))] == [
            "now it is short"
        ]


def test_chunks_come_back_as_one_hit_per_document(where: Path) -> None:
    with opened(where) as index:
        index.ingest([Document(id="a", text=LONG), Document(id="b", text="Sentence about topic 3.")])
        assert sorted(hit.doc_id for hit in index.search("topic 3 sentence", limit=5)) == ["a", "b"]
        assert len(index.search("topic 3 sentence", limit=50, group=False)) == index.store.count()


def test_few_candidates_are_widened_until_there_are_enough_documents(where: Path) -> None:
    with opened(where) as index:
        index.ingest([Document(id="a", text=LONG), *documents(3)])
        options = augury.SearchOptions(limit=4, candidates=1, branches=("dense",))
        assert len(index.retriever.search("sentence topic", options).hits) == 4


def test_sync_deletes_what_the_source_no_longer_has(where: Path) -> None:
    with opened(where) as index:
        index.ingest(documents(10))
        report = index.ingest(documents(4), sync=True)
        assert (report.documents.deleted, report.passages.deleted) == (6, 6)
        assert index.store.count() == 4


def test_sync_deletes_nothing_when_a_record_could_not_be_read(where: Path) -> None:
    with opened(where) as index:
        index.ingest(documents(5))
        report = index.ingest([*documents(2), DocumentError("Line 3 is broken", "Mend it")], sync=True)
        assert report.documents.deleted == 0
        assert index.store.count() == 5
        assert "could not be read" in report.notes[0]


def test_sync_with_an_empty_source_deletes_nothing(where: Path) -> None:
    with opened(where) as index:
        index.ingest(documents(5))
        assert index.ingest([], sync=True).documents.deleted == 0
        assert index.store.count() == 5


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (Document(id="bad", text="  "), "is empty"),
        (Document(id="d1", text="again"), "met before"),
        (Document(id="bad", text="x", metadata={"f": {1, 2}}), "cannot be stored as JSON"),
        (Document(id="bad", text="x", metadata={"f": float("nan")}), "cannot be stored as JSON"),
        (Document(id="bad", text="broken \ud800 text"), "not valid Unicode"),
        (DocumentError("Line 7 is broken", "Mend it", source="f:7"), "Line 7"),
    ],
)
def test_a_bad_document_costs_one_sentence_and_nothing_else(
    where: Path, tmp_path: Path, bad: Document | DocumentError, sentence: str
) -> None:
    letters = tmp_path / "dead.jsonl"
    with opened(where) as index:
        report = index.ingest([*documents(3), bad, Document(id="z", text="after")], dead_letters=letters)
        assert (report.documents.written, report.documents.failed) == (4, 1)
        assert adds_up(report)
        assert sentence in report.failures[0].reason
        assert len(index.search("after", limit=1, branches=("sparse",))) == 1
    (letter,) = letters.read_text(encoding="utf-8").splitlines()
    assert sentence in json.loads(letter)["reason"]


def test_on_error_stop_raises_and_keeps_what_came_before(where: Path) -> None:
    with opened(where) as index:
        with pytest.raises(DocumentError, match="is empty") as caught:
            index.ingest([*documents(3), Document(id="bad", text=" ")], on_error="stop")
        report = caught.value.report
        assert report.stopped and adds_up(report) and report.documents.written == 3
        assert index.store.count() == 3


def test_a_source_that_breaks_off_loses_nothing_that_came_before(where: Path) -> None:
    def torn() -> Iterator[Document]:
        yield from documents(300)
        raise SourceError("The file is torn", "Fetch it again")

    with opened(where) as index:
        with pytest.raises(SourceError) as caught:
            index.ingest(torn(), sync=True)
        assert adds_up(caught.value.report) and caught.value.report.documents.written == 300
        assert index.store.count() == 300


def test_what_is_no_document_fails_and_the_others_go_on(where: Path) -> None:
    knot: dict[str, object] = {}
    knot["self"] = knot
    bad = [Document(id="knot", text="x", metadata=knot), "just a text"]
    with opened(where) as index:
        report = index.ingest([*bad, *documents(2)], dead_letters=where / "dead.jsonl")  # type: ignore[list-item]
        assert (report.documents.failed, report.documents.written) == (2, 2)
        assert len((where / "dead.jsonl").read_text(encoding="utf-8").splitlines()) == 2
        with pytest.raises(UsageError, match="open_source"):
            index.ingest("folder")  # type: ignore[arg-type]


def test_a_changed_document_is_marked_as_missing_the_scenarios_of_its_old_text(
    where: Path, tmp_path: Path
) -> None:
    with opened(where) as index:
        index.ingest(documents(3), scenarios=scenario_file(tmp_path / "s.jsonl", {"d1": ["a"]}))
        report = index.ingest([Document(id="d1", text="another text")])
        assert report.scenarios.missing == 1 and "--scenarios" in report.notes[0]


def test_a_source_may_only_be_readable_in_the_callers_thread(where: Path) -> None:
    database = sqlite3.connect(":memory:")
    database.executescript("CREATE TABLE t (id TEXT, body TEXT); INSERT INTO t VALUES ('a', 'from a table')")
    rows = database.execute("SELECT id, body FROM t")
    with opened(where) as index:
        assert index.ingest(Document(id=id, text=body) for id, body in rows).documents.written == 1
    database.close()


def test_an_interrupt_stops_after_the_batch_and_the_rest_follows(where: Path) -> None:
    def interrupted() -> Iterator[Document]:
        yield from documents(1000)
        raise KeyboardInterrupt

    with opened(where) as index:
        with pytest.raises(KeyboardInterrupt):
            index.ingest(interrupted())
        assert index.ingest(documents(1000)).documents.read == 1000
        assert index.store.count() == 1000


def test_a_refold_that_is_interrupted_is_noticed_at_once(where: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with opened(where) as index:
        index.ingest(documents(5))
        index.search("word1")
        with pytest.raises(KeyboardInterrupt):
            index.refold(0.8, progress=interrupt)
        with pytest.raises(IndexUnfinished):
            index.search("word1")
        index.refold(0.8)
        assert index.search("word1")


def test_a_huge_document_is_cut_and_searchable(where: Path) -> None:
    huge = "Some ordinary sentence of a very long book. " * 240_000 + "The last word is xylophone."
    with opened(where, profile=Profile(chunk=ChunkProfile(min_chars=20_000, max_chars=50_000))) as index:
        report = index.ingest([Document(id="book", text=huge), *documents(2)])
        assert len(huge) > 10_000_000
        assert (report.documents.written, report.documents.failed) == (3, 0)
        assert index.search("xylophone", branches=("sparse",))[0].doc_id == "book"


class BrokenDense(HashingDense):
    """Gives NaN for texts that hold the word ``cursed``, as a broken model might."""

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        broken = [i for i, text in enumerate(texts) if "cursed" in text]
        if broken:
            raise ModelOutputError("The model gave NaN", "Use another model", positions=broken)
        return super().encode_documents(texts)


def test_vectors_that_are_not_numbers_fail_their_document_only(where: Path) -> None:
    with augury.open(where, dense=BrokenDense(), sparse=HashingSparse()) as index:
        report = index.ingest([*documents(3), Document(id="bad", text="a cursed text")])
        assert (report.documents.written, report.documents.failed) == (3, 1)
        assert "NaN" in report.failures[0].reason


def test_scenarios_are_folded_and_the_hit_names_the_one_that_matched(where: Path, tmp_path: Path) -> None:
    file = scenario_file(
        tmp_path / "s.jsonl", {"d1": ["a smell from the shower", "a leaking roof"], "d2": ["a barking dog"]}
    )
    with opened(where, profile=Profile(scenarios=ScenarioProfile(alpha=0.2, floor=-1))) as index:
        report = index.ingest(documents(4), scenarios=file)
        assert (report.scenarios.written, report.scenarios.missing) == (3, 2)
        hit = index.search("shower smell", limit=1, branches=("scenarios",))[0]
        assert hit.doc_id == "d1" and hit.scenario is not None
        assert hit.scenario.need == "a smell from the shower"
        query = HashingDense().encode_queries(["shower smell"])[0]
        scenario = HashingDense().encode_documents(["a smell from the shower"])[0]
        passage = HashingDense().encode_documents(["Title 1 word1 common text"])[0]
        assert hit.scenario.similarity == pytest.approx(float(query @ scenario), abs=1e-5)
        assert hit.score == pytest.approx(0.2 * query @ passage + 0.8 * query @ scenario, abs=1e-5)


def test_leaving_scenarios_out_keeps_them_and_none_removes_them(where: Path, tmp_path: Path) -> None:
    file = scenario_file(tmp_path / "s.jsonl", {"d1": ["a smell"]})
    with opened(where) as index:
        index.ingest(documents(3), scenarios=file)
        assert index.ingest(documents(3)).documents.unchanged == 3
        assert index.ingest(documents(3), scenarios=file).documents.unchanged == 3
        removed = index.ingest(documents(3), scenarios="none")
        assert removed.documents.written == 3
        assert all(payload["scenarios"] == [] for payload in payloads(index).values())


def test_a_scenario_file_that_grew_touches_only_its_new_documents(where: Path, tmp_path: Path) -> None:
    with opened(where) as index:
        index.ingest(documents(5), scenarios=scenario_file(tmp_path / "a.jsonl", {"d1": ["a"]}))
        grown = scenario_file(tmp_path / "b.jsonl", {"d1": ["a"], "d2": ["b"]})
        report = index.ingest(documents(5), scenarios=grown)
        assert (report.documents.written, report.documents.unchanged) == (1, 4)


def test_repair_takes_passages_without_scenarios_again(where: Path, tmp_path: Path) -> None:
    file = scenario_file(tmp_path / "s.jsonl", {"d1": ["a"]})
    with opened(where) as index:
        index.ingest(documents(3), scenarios=file)
        report = index.ingest(documents(3), scenarios=file, repair=True)
        assert (report.documents.written, report.documents.unchanged) == (2, 1)


def test_an_ungrounded_scenario_is_dropped(where: Path, tmp_path: Path) -> None:
    file = scenario_file(tmp_path / "s.jsonl", {"d1": ["word1 common text", "entirely unrelated flights"]})
    profile = Profile(scenarios=ScenarioProfile(floor=0.5))
    with opened(where, profile=profile) as index:
        report = index.ingest(documents(2), scenarios=file)
        assert (report.scenarios.written, report.scenarios.dropped) == (1, 1)


def test_without_scenarios_the_folded_branch_ranks_like_dense(where: Path) -> None:
    with opened(where) as index:
        index.ingest(documents(50))
        dense = index.search("word7 common", limit=50, branches=("dense",))
        folded = index.search("word7 common", limit=50, branches=("scenarios",))
        assert [hit.doc_id for hit in folded] == [hit.doc_id for hit in dense]
        assert [hit.score for hit in folded] == pytest.approx([hit.score for hit in dense], abs=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_another_alpha_at_query_time_is_the_exact_score(where: Path, tmp_path: Path, alpha: float) -> None:
    needs = {f"d{i}": [f"need {i} of {j}" for j in range(i % 4)] for i in range(0, 30, 2)}
    file = scenario_file(tmp_path / "s.jsonl", {doc_id: each for doc_id, each in needs.items() if each})
    model = HashingDense()
    query = model.encode_queries(["need 6 of 2"])[0]
    expected = {}
    for document in documents(30):
        passage = float(query @ model.encode_documents([f"{document.title} {document.text}"])[0])
        each = needs.get(document.id) or []
        scenario = float((model.encode_documents(each) @ query).max()) if each else passage
        expected[document.id] = alpha * passage + (1 - alpha) * scenario
    with opened(where, profile=Profile(scenarios=ScenarioProfile(alpha=0.3, floor=-1))) as index:
        index.ingest(documents(30), scenarios=file)
        hits = index.search("need 6 of 2", limit=30, branches=("scenarios",), alpha=alpha)
        assert {hit.doc_id: hit.score for hit in hits} == pytest.approx(expected, abs=1e-5)
        if alpha < 1:
            index.refold(alpha)
            assert index.status().profile.scenarios.alpha == alpha
            again = index.search("need 6 of 2", limit=30, branches=("scenarios",))
            assert {hit.doc_id: hit.score for hit in again} == pytest.approx(expected, abs=1e-4)


def test_after_a_refold_nothing_has_to_be_ingested_again(where: Path, tmp_path: Path) -> None:
    file = scenario_file(tmp_path / "s.jsonl", {"d1": ["a smell"]})
    with opened(where) as index:
        index.ingest(documents(5), scenarios=file)
        index.refold(0.6)
        assert index.ingest(documents(5), scenarios=file).documents.unchanged == 5


def test_refolding_to_one_is_refused_since_it_would_lose_the_scenarios(where: Path) -> None:
    with opened(where) as index:
        index.ingest(documents(2))
        with pytest.raises(UsageError, match="lose their scenarios"):
            index.refold(1.0)


def test_filters_hold_in_every_branch(where: Path) -> None:
    with opened(where) as index:
        index.ingest(documents(30))
        for branches in (("dense",), ("sparse",), ("scenarios", "dense", "sparse")):
            hits = index.search("common text", limit=30, filter=augury.where(["n>=20"]), branches=branches)
            assert {hit.metadata["n"] for hit in hits} == set(range(20, 30))


def test_memory_of_the_source_is_not_collected(where: Path) -> None:
    """The source is read as the pipeline goes, not gathered first."""
    written_when_last_read = 0

    def source(index: augury.Index) -> Iterator[Document]:
        nonlocal written_when_last_read
        for i in range(3000):
            yield Document(id=f"d{i}", text=f"word{i}")
        written_when_last_read = index.store.count()

    with opened(where) as index:
        index.ingest(source(index))
        assert written_when_last_read > 0
        assert index.store.count() == 3000


def test_vectors_are_unit_length_and_rows_match_scenarios(where: Path, tmp_path: Path) -> None:
    file = scenario_file(tmp_path / "s.jsonl", {"d0": ["a", "b", "c"]})
    with opened(where) as index:
        index.ingest(documents(2), scenarios=file)
        for records in index.store.scroll(vectors=("dense", "scenarios")):
            for record in records:
                dense, rows = record.vectors["dense"], record.vectors["scenarios"]
                assert isinstance(dense, np.ndarray) and isinstance(rows, np.ndarray)
                assert np.linalg.norm(dense) == pytest.approx(1, abs=1e-5)
                assert len(rows) == max(1, len(record.payload["scenarios"]))


def test_it_runs_where_an_event_loop_runs_already(where: Path) -> None:
    async def notebook(index: augury.Index) -> augury.IngestReport:
        return index.ingest(documents(5))

    with opened(where) as index:
        assert asyncio.run(notebook(index)).documents.written == 5


def test_repair_without_a_place_for_scenarios_is_refused(where: Path) -> None:
    with opened(where) as index, pytest.raises(UsageError, match="--scenarios"):
        index.ingest(documents(2), repair=True)
