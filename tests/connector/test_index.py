"""Opening an index: what it keeps, what it refuses, and the same answers from both engines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import augury
from augury.errors import IndexNotFound, ModelMismatch, QueryError, StoreError, UsageError
from augury.schemas.profile import ChunkProfile, DenseProfile, Profile, ScenarioProfile
from tests.hashing import HashingDense, HashingSparse


def opened(where: str | Path, **options: Any) -> augury.Index:
    return augury.open(where, dense=HashingDense(), sparse=HashingSparse(), **options)


def documents(count: int) -> list[augury.Document]:
    return [
        augury.Document(
            id=f"d{i}", text=f"word{i % 7} and word{i % 3} in text {i}", metadata={"n": i, "even": i % 2 == 0}
        )
        for i in range(count)
    ]


def scenarios(folder: Path) -> Path:
    path = folder / "scenarios.jsonl"
    lines = [
        {
            "doc_id": f"d{i}",
            "explanation": [{"information_need": f"need{j} of word{i % 5}"} for j in range(i % 4)],
        }
        for i in range(40)
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return path


def test_both_engines_give_the_same_hits(tmp_path: Path) -> None:
    with opened(tmp_path / "edge") as edge, opened(":memory:") as memory:
        for index in (edge, memory):
            index.ingest(documents(40), scenarios=scenarios(tmp_path))
        for query in ("word3", "need2 of word1", "text 17"):
            choices: list[dict[str, Any]] = [
                {},
                {"branches": ("scenarios", "dense")},
                {"branches": ("scenarios", "dense", "sparse"), "alpha": 0.7},
                {"branches": ("scenarios",), "alpha": 0.0},
                {"filter": augury.where(["even=true", "n>=10"])},
            ]
            for options in choices:
                mine, theirs = (
                    {hit.doc_id: hit for hit in index.search(query, limit=40, **options)}
                    for index in (edge, memory)
                )
                assert {name: hit.score for name, hit in mine.items()} == pytest.approx(
                    {name: hit.score for name, hit in theirs.items()}, abs=1e-4
                )
                needs = (
                    {name: hit.scenario and hit.scenario.need for name, hit in each.items()}
                    for each in (mine, theirs)
                )
                assert next(needs) == next(needs)


def test_a_search_never_returns_what_the_filter_excludes(tmp_path: Path) -> None:
    with opened(tmp_path / "i") as index:
        index.ingest(documents(40))
        for branches in (("dense",), ("sparse",), ("scenarios", "sparse")):
            hits = index.search("word1", filter=augury.where(["even!=true"]), limit=40, branches=branches)
            assert hits and all(hit.metadata["even"] is False for hit in hits)


def test_an_index_keeps_its_profile_and_its_models(tmp_path: Path) -> None:
    where = tmp_path / "i"
    with opened(where, profile=Profile(chunk=ChunkProfile(mode="none"))) as index:
        index.ingest(documents(3))
    with opened(where) as index:
        assert index.profile.chunk.mode == "none"
        assert (index.profile.dense.model, index.profile.dense.dim) == ("hashing-dense", 64)
    with pytest.raises(ModelMismatch, match=r"hashing-dense.*not with starter:minilm"):
        augury.open(where, profile=Profile())
    with pytest.raises(UsageError, match="augury refold"):
        opened(where, profile=lambda old: old.model_copy(update={"scenarios": ScenarioProfile(alpha=0.9)}))


def test_a_model_that_changed_under_its_name_is_refused(tmp_path: Path) -> None:
    class Retrained(HashingDense):
        revision = "2"

    with opened(tmp_path / "i") as index:
        index.ingest(documents(3))
    with (
        augury.open(tmp_path / "i", dense=Retrained(), sparse=HashingSparse()) as index,
        pytest.raises(ModelMismatch, match=r"revision 1 .*hashing-dense.*found here is 2"),
    ):
        index.search("word1")


def test_other_chunks_are_made_as_documents_are_ingested_again(tmp_path: Path) -> None:
    text = " ".join(f"Sentence {i} is here." for i in range(100))
    with opened(tmp_path / "i", profile=Profile(chunk=ChunkProfile(mode="none"))) as index:
        index.ingest([augury.Document(id="a", text=text)])
        assert index.store.count() == 1
    change = {"chunk": ChunkProfile(min_chars=200, max_chars=400)}
    with opened(tmp_path / "i", profile=lambda old: old.model_copy(update=change)) as index:
        assert index.ingest([augury.Document(id="a", text=text)]).documents.written == 1
        assert index.store.count() > 1
        assert {hit.chunk for hit in index.search("sentence", group=False, limit=50)} == set(
            range(index.store.count())
        )


def test_a_new_index_can_be_opened_before_anything_is_in_it(tmp_path: Path) -> None:
    with opened(tmp_path / "i") as index:
        with pytest.raises(IndexNotFound, match="Call ingest first"):
            index.search("word1")
        index.ingest([])
        assert index.search("word1") == []


def test_what_is_not_there_is_not_made_by_a_search(tmp_path: Path) -> None:
    with pytest.raises(IndexNotFound):
        augury.open(tmp_path / "absent", create=False)
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize("where", ["http://localhost:6333", "http://localhost:6333/a/b"])
def test_a_url_must_name_one_collection(where: str) -> None:
    with pytest.raises(UsageError, match="COLLECTION"):
        augury.open(where)


def test_a_server_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(StoreError, match="does not answer"):
        augury.open("http://127.0.0.1:1/kb")


def test_without_sparse_vectors_the_branch_cannot_be_asked_for(tmp_path: Path) -> None:
    profile = Profile(dense=DenseProfile(model="hashing-dense"), sparse=None)
    with augury.open(tmp_path / "i", profile=profile, dense=HashingDense()) as index:
        index.ingest(documents(3))
        assert set(index.search("word1")[0].explanation.branches) == {"scenarios"}
        with pytest.raises(QueryError, match="no sparse vectors"):
            index.search("word1", branches=("sparse",))


def test_hits_with_equal_scores_come_in_the_order_of_their_ids(tmp_path: Path) -> None:
    twins = [augury.Document(id=f"t{i}", text="the very same words") for i in range(30)]
    with opened(tmp_path / "i") as index:
        index.ingest(twins)
        orders = [[hit.doc_id for hit in index.search("same words", limit=12)] for _ in range(5)]
        assert all(order == orders[0] for order in orders)
