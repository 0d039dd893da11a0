"""A re-index gives what a fresh ingest would, encodes only what changed, and can be taken back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augury
from augury.connector.fence import BUILDING
from augury.connector.reindex.canary import CanarySet
from augury.connector.reindex.reindex import Reindex
from augury.errors import IndexLocked, IndexNotFound, StoreError, UsageError
from augury.schemas.points import Point
from augury.schemas.profile import ChunkProfile, DenseProfile, Profile, SparseProfile
from tests.connector.reindex.places import (
    Blind,
    CountingDense,
    CountingSparse,
    Place,
    contents,
    documents,
    scenario_file,
    unfloored,
)
from tests.faults.test_kill import same

COUNT = 40


@pytest.fixture
def made(place: Place, tmp_path: Path) -> Place:
    """An index of 40 documents, some with scenarios."""
    with place.open(profile=unfloored()) as index:
        index.ingest(documents(COUNT), scenarios=scenario_file(tmp_path, COUNT))
    return place


def scenarios(**changes: Any) -> Callable[[Profile], Profile]:
    return lambda old: old.model_copy(update={"scenarios": old.scenarios.model_copy(update=changes)})


CHANGES: dict[str, tuple[Any, dict[str, Any], dict[str, str], int, int]] = {
    "sparse": (
        None,
        {"sparse": CountingSparse("other-sparse")},
        {"dense": "copied", "scenarios": "copied", "sparse": "re-encoded"},
        0,
        COUNT,
    ),
    "dense": (
        None,
        {"dense": CountingDense("other-dense", turned=True)},
        {"dense": "re-encoded", "scenarios": "re-encoded", "sparse": "copied"},
        COUNT + 60,
        0,
    ),
    "revision": (
        lambda old: old.model_copy(update={"dense": DenseProfile(model="hashing-dense")}),
        {"dense": CountingDense(revision="2", turned=True)},
        {"dense": "re-encoded", "scenarios": "re-encoded", "sparse": "copied"},
        COUNT + 60,
        0,
    ),
    "alpha": (
        scenarios(alpha=0.7),
        {},
        {"dense": "copied", "scenarios": "refolded", "sparse": "copied"},
        0,
        0,
    ),
    "fields": (
        scenarios(fields=("need", "document")),
        {},
        {"dense": "copied", "scenarios": "re-encoded", "sparse": "copied"},
        60,
        0,
    ),
    "no sparse": (
        lambda old: old.model_copy(update={"sparse": None}),
        {},
        {"dense": "copied", "scenarios": "copied", "sparse": "dropped"},
        0,
        0,
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_it_is_what_a_fresh_ingest_makes_and_only_what_changed_is_encoded(
    made: Place, tmp_path: Path, what: str
) -> None:
    change, given, fates, dense_texts, sparse_texts = CHANGES[what]
    for model in given.values():
        model.encoded.clear()
    with made.open() as index:
        before = contents(index)
        dense: Any = given.get("dense", index.models._dense)
        sparse: Any = given.get("sparse", index.models._sparse)
        report = augury.reindex(index, change, alias=made.alias, tolerance=1.0, **given)
        assert (len(dense.encoded), len(sparse.encoded)) == (dense_texts, sparse_texts)
        assert report.vectors == fates
        assert (report.documents, report.passages, report.written) == (COUNT, COUNT, COUNT)
        assert report.sample is not None and (report.sample.checked, report.sample.wrong) == (COUNT, [])
        assert index.search("thing7", limit=3), "the open index goes on in the new generation"
        mine = contents(index)
    models = {"dense": dense, "sparse": sparse}
    with made.open(made.alias, **models) as again:
        assert same(contents(again), mine)
        counts = again.ingest(documents(COUNT)).documents
        assert (counts.unchanged, counts.written) == (COUNT, 0), "its fingerprints are those of an ingest"
        profile = again.profile
    bare = {"revision": "", "dim": 0}
    profile = profile.model_copy(update={"dense": profile.dense.model_copy(update=bare)})
    with made.open(f"{made.name}-fresh", profile=profile, **models) as fresh:
        fresh.ingest(documents(COUNT), scenarios=scenario_file(tmp_path, COUNT))
        assert same(mine, contents(fresh), 1e-5)
    if made.client is None or what == "alpha":
        with made.open(made.alias, **models) as index:
            Reindex(index).rollback()
            assert same(contents(index), before), "the old generation was left as it was"


def test_it_stays_until_it_is_dropped_and_can_be_swapped_back_with_what_was_written(made: Place) -> None:
    with made.open() as index:
        retriever = index.retriever
        first = index.store.generation
        report = augury.reindex(index, dense=CountingDense("other", turned=True), alias=made.alias)
        second = index.store.generation
        assert (report.old, report.new, report.swapped) == (first, second, True)
        assert retriever.search("thing7").hits, "searches that are under way end in the old generation"
        index.ingest(documents(COUNT + 5, edition=2)[3:], sync=True)
    with made.open(made.alias, dense=CountingDense("other", turned=True)) as index:
        with pytest.raises(UsageError, match=rf"old generation {first} .* still there.*--drop-old"):
            augury.reindex(index, sparse=CountingSparse("x"))
        status = Reindex(index).status()
        assert (status.current, status.previous, status.previous_passages) == (second, first, COUNT)
        old = CountingDense()
        report = Reindex(index, dense=old).rollback()
        assert (report.action, report.new, report.passages) == ("rolled back", first, COUNT + 2)
        rewritten = sum(i % 3 == 0 for i in range(3, COUNT))
        assert report.written == rewritten + 5, "what was written since, and no more"
        assert report.deleted == 3
        assert index.store.generation == first
        assert {hit.doc_id for hit in index.search("edition 2 thing7", limit=60)} == {
            f"d{i}" for i in range(3, COUNT + 5)
        }
    with made.open(made.alias) as index:
        again = Reindex(index, dense=CountingDense("other", turned=True)).rollback()
        assert (again.new, again.written) == (second, 0), "and forth again"
        assert Reindex(index).drop_old() == first
        with pytest.raises(UsageError, match="no old generation"):
            Reindex(index).rollback()
        with pytest.raises(UsageError, match="no old generation"):
            Reindex(index).drop_old()
        assert index.status().passages == COUNT + 2
        third = augury.reindex(index, scenarios(alpha=0.5)).new
        assert third not in (first, second)


def test_what_cannot_be_done_says_why(made: Place, tmp_path: Path) -> None:
    with (
        made.open(f"{made.name}-none") as empty,
        pytest.raises(IndexNotFound, match="Nothing has been ingested"),
    ):
        augury.reindex(empty, scenarios(alpha=0.5))
    with made.open() as index:
        for change in (None, lambda old: old):
            with pytest.raises(UsageError, match="made with this profile already"):
                augury.reindex(index, change, alias=made.alias)
        with pytest.raises(UsageError, match="another tenant"):
            augury.reindex(index, lambda old: old.model_copy(update={"tenant": "metadata.customer"}))
        with pytest.raises(UsageError, match="nothing to abandon"):
            Reindex(index).abandon()
        if made.client:
            with pytest.raises(UsageError, match=rf"{made.name} is a collection.*--alias"):
                augury.reindex(index, scenarios(alpha=0.5))
        else:
            with pytest.raises(UsageError, match="needs no alias"):
                augury.reindex(index, scenarios(alpha=0.5), alias="live")
        for records in index.store.scroll(
            {"must": [{"key": "doc_id", "match": {"value": "d7"}}]}, vectors=("dense", "scenarios", "sparse")
        ):
            del records[0].payload["text"]
            index.store.upsert([Point(records[0].id, records[0].vectors, records[0].payload)])
        with pytest.raises(StoreError, match=r"no text of document 'd7'.*new index"):
            augury.reindex(index, sparse=CountingSparse("other"), alias=made.alias)
        assert index.store.note(BUILDING) is not None
        with pytest.raises(IndexLocked, match="being re-indexed"):
            index.refold(0.9)
        with pytest.raises(IndexLocked, match="being re-indexed"):
            index.add_filter_fields({"metadata.n": "integer"})
        with pytest.raises(UsageError, match=r"another profile is unfinished.*--abandon"):
            augury.reindex(index, scenarios(alpha=0.5), alias=made.alias)
        unfinished = Reindex(index).status().building
        assert Reindex(index).abandon() == unfinished
        index.refold(0.9)


def test_two_at_once(made: Place) -> None:
    refused: list[str] = []
    with made.open() as index:

        def second(report: augury.IngestReport) -> None:
            with pytest.raises(IndexLocked) as error:
                augury.reindex(index, scenarios(alpha=0.6), alias=made.alias)
            refused.append(str(error.value))

        augury.reindex(index, scenarios(alpha=0.5), alias=made.alias, progress=second)
        assert refused and "Another re-index works on" in refused[0]
        assert Reindex(index).status().running == ""


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("broken")])
def test_one_that_is_stopped_leaves_the_index_as_it_was_and_goes_on_later(
    made: Place, error: BaseException
) -> None:
    sparse = CountingSparse("other-sparse")

    def stop(report: augury.IngestReport) -> None:
        raise error

    with made.open() as index:
        before = contents(index)
        with pytest.raises(type(error)):
            augury.reindex(index, sparse=sparse, alias=made.alias, progress=stop)
        assert same(contents(index), before)
        assert index.search("thing7")
    with made.open() as index:  # by the first name; the alias is in the note
        status = Reindex(index).status()
        assert status.building and status.current == index.store.generation
        sparse.encoded.clear()
        report = augury.reindex(index, sparse=sparse)
        assert len(sparse.encoded) == COUNT - status.built
        assert (report.new, report.passages) == (status.building, COUNT)
        assert index.store.current() == status.building
    if made.client:
        with made.open() as old:
            for action in (
                Reindex(old).rollback,
                Reindex(old).drop_old,
                Reindex(old).abandon,
                Reindex(old).run,
            ):
                with pytest.raises(UsageError, match=rf"old generation of {made.alias}.*Go on with"):
                    action()
    with made.open(made.alias, sparse=sparse) as index:
        assert index.store.count() == COUNT


def test_a_worse_generation_is_refused_with_numbers(made: Place) -> None:
    blind = Blind("blind")
    only_dense = {"branches": ("dense",)}

    def dense_alone(old: Profile) -> Profile:
        return old.model_copy(update={"search": old.search.model_copy(update=only_dense)})

    with made.open() as index:
        index.change(dense_alone)
        with pytest.raises(
            StoreError, match=r"worse: of 40 queries, 25\.0% find .* 100\.0% must.*--allow-worse"
        ) as no:
            augury.reindex(index, dense=blind, alias=made.alias)
        assert no.value.report.canary.lost
        assert not no.value.report.swapped
        assert index.store.current() == index.store.generation
        report = augury.reindex(index, dense=blind, alias=made.alias, allow_worse=True)
        assert report.swapped and report.canary is not None and report.canary.worse


def test_canary_queries_of_ones_own(made: Place) -> None:
    queries = {"q1": "Passage3 thing21", "q2": "Passage5 thing6"}
    right = CanarySet(queries, {"q1": {"d3": 1}, "q2": {"d5": 1, "d6": 0}})
    with made.open() as index:
        report = augury.reindex(index, scenarios(alpha=0.5), canary=right, alias=made.alias)
        canary = report.canary
        assert canary is not None
        assert (canary.queries, canary.made_from, canary.before, canary.after) == (2, "a file", 1.0, 1.0)
        Reindex(index).drop_old()
        unjudged = augury.reindex(index, scenarios(alpha=0.4), canary=CanarySet(queries)).canary
        assert unjudged is not None and (unjudged.before, unjudged.after) == (1.0, 1.0)


def test_other_cuts_are_made_of_whole_documents(made: Place) -> None:
    shorter = ChunkProfile(min_chars=20, max_chars=45, overlap=0)

    def recut(old: Profile) -> Profile:
        return old.model_copy(update={"chunk": shorter})

    with made.open() as index:
        report = augury.reindex(index, recut, alias=made.alias)
        assert report.documents == COUNT and report.passages > COUNT
        assert index.ingest(documents(COUNT)).documents.unchanged == COUNT
        Reindex(index).drop_old()
        whole = ChunkProfile(mode="none")
        with pytest.raises(UsageError, match=r"in several passages .*--source"):
            augury.reindex(index, lambda old: old.model_copy(update={"chunk": whole}))
        with pytest.raises(UsageError, match=r"SOURCE does not hold 1 of its documents, such as 'd39'"):
            augury.reindex(
                index, lambda old: old.model_copy(update={"chunk": whole}), source=documents(COUNT - 1)
            )
        report = augury.reindex(
            index, lambda old: old.model_copy(update={"chunk": whole}), source=documents(COUNT + 3)
        )
        assert (report.documents, report.passages) == (COUNT, COUNT), "what the index holds, and no more"
        index.ingest(documents(COUNT + 1))
        back = Reindex(index).rollback()
        assert back.notes == [
            f"1 documents were written since the swap and are only in {report.new}; ingest them again."
        ]


def test_bm25_takes_the_place_of_a_learned_model(made: Place) -> None:
    with made.open() as index:
        index.models._sparse = None
        report = augury.reindex(
            index,
            lambda old: old.model_copy(update={"sparse": SparseProfile(model="bm25")}),
            alias=made.alias,
        )
        assert report.vectors["sparse"] == "re-encoded"
        assert index.profile.sparse is not None and index.profile.sparse.idf
        assert index.search("Passage17", branches=("sparse",))[0].doc_id == "d17"


def test_tenants_stay_apart(place: Place) -> None:
    with place.open(profile=unfloored(tenant="customer")) as index:
        index.ingest(documents(COUNT, tenants=True))
        report = augury.reindex(index, dense=CountingDense("other", turned=True), alias=place.alias)
        assert report.canary is not None and report.canary.after == 1.0
        hits = index.search("thing7", tenant="c1", limit=40)
        assert {hit.metadata["customer"] for hit in hits} == {"c1"}


def test_documents_of_an_unfinished_change_of_choices_are_made_anew_by_the_next_ingest(made: Place) -> None:
    with made.open(profile=scenarios(max_per_passage=2)) as index:
        index.ingest(documents(10))  # ten of forty have the new choice
        augury.reindex(index, sparse=CountingSparse("other"), alias=made.alias)
        counts = index.ingest(documents(COUNT)).documents
        assert (counts.unchanged, counts.written) == (10, COUNT - 10)


def test_vectors_that_were_copied_are_the_same_to_the_last_bit(made: Place) -> None:
    with made.open() as index:
        before = contents(index)
        augury.reindex(index, sparse=CountingSparse("other"), alias=made.alias)
        after = contents(index)
    for point, (_, vectors) in before.items():
        for name in ("dense", "scenarios"):
            assert np.allclose(vectors[name], after[point][1][name], atol=2e-7), name
