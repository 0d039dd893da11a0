"""What the embedded engine does to the unwary, each trap with its test."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import psutil
import pytest
import qdrant_edge

from augury.connector.store import edge_folder, sentinels
from augury.connector.store.edge import EdgeStore
from augury.connector.store.edge_errors import translated
from augury.errors import IndexFull, IndexLocked, IndexNotFound, StoreError
from augury.schemas.collection import CollectionSpec, VectorSpec
from augury.schemas.points import FloatArray, Fusion, Nearest, Point, Prefetch, SearchRequest
from tests.connector.store.edge_child import DIM, SPEC, child, points

ONES = np.ones(DIM, dtype=np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def store(path: Path) -> Iterator[EdgeStore]:
    store = EdgeStore(path, create=True)
    store.ensure(SPEC)
    yield store
    store.close()


def test_own_lock_before_load(store: EdgeStore, path: Path) -> None:
    """The engine refuses too, but only after removing files that the next flush of the first one needs."""
    store.upsert(points(50))
    store.flush()
    before = sorted(path.rglob("*"))
    assert any(file.name == "tracker_journal.dat" for file in before)
    for create in (False, True):
        with pytest.raises(IndexLocked, match=str(path)):
            EdgeStore(path, create=create)
    assert child(path, "") != 0
    assert sorted(path.rglob("*")) == before
    store.upsert(points(50, start=50))
    store.flush()
    assert store.count() == 100


def test_the_lock_is_given_up_by_close(store: EdgeStore, path: Path) -> None:
    store.close()
    EdgeStore(path, create=False).close()


def test_leftovers_of_a_creation_are_removed(path: Path) -> None:
    (path / "shard.new" / "segments").mkdir(parents=True)
    (path / "shard.new" / "segments" / "half").write_text("")
    (path / "augury.lock").write_text("")
    with pytest.raises(IndexNotFound):
        EdgeStore(path, create=False)
    store = EdgeStore(path, create=True)
    assert not store.exists()
    store.ensure(SPEC)
    assert not (path / "shard.new").exists()
    store.close()


def test_there_is_no_index(tmp_path: Path) -> None:
    missing, empty, file = tmp_path / "missing", tmp_path / "empty", tmp_path / "file"
    empty.mkdir()
    file.write_text("x")
    for place, message in ((missing, "does not exist"), (empty, "is not an index"), (file, "is a file")):
        with pytest.raises(IndexNotFound, match=message):
            EdgeStore(place, create=False)
    assert not missing.exists()
    assert list(empty.iterdir()) == []
    with pytest.raises(IndexNotFound, match="is a file"):
        EdgeStore(file, create=True)


def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("words")
    with pytest.raises(IndexNotFound, match=r"thesis\.txt"):
        EdgeStore(tmp_path, create=True)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_damaged_shard_is_a_store_error_that_advises_to_keep_it(store: EdgeStore, path: Path) -> None:
    store.upsert(points(3))
    store.close()
    for name in ("edge_config.json", "segment.json"):
        damaged = path.with_name(name)
        shutil.copytree(path, damaged)
        next((damaged / "shard").rglob(name)).write_text("{")
        for _ in range(2):  # the lock of the first failure is free again
            with pytest.raises(StoreError, match=r"cannot be opened.*Keep the folder"):
                EdgeStore(damaged, create=False)


def test_panics_of_the_engine_become_store_errors(store: EdgeStore) -> None:
    """A multivector with rows of two widths; the checks keep it out, the engine panics on it."""
    ragged = qdrant_edge.Point(1, {"rows": [[1.0] * DIM, [1.0]]}, {})
    with pytest.raises(StoreError, match="engine"), store._engine() as shard:
        shard.update(qdrant_edge.UpdateOperation.upsert_points([ragged]))
    store.upsert(points(3))
    assert store.count() == 3


def test_interrupts_pass_through(path: Path) -> None:
    for interrupt in (KeyboardInterrupt, SystemExit, GeneratorExit):
        with pytest.raises(interrupt), translated(path):
            raise interrupt


def test_plain_exceptions_of_the_engine_become_store_errors(path: Path) -> None:
    with pytest.raises(StoreError, match="refused: broken"), translated(path):
        raise Exception("broken\nwith details")
    with pytest.raises(IndexFull), translated(path):
        raise Exception("IO Error: No space left on device (os error 28)")


def test_load_wants_all_vectors_or_none(store: EdgeStore, path: Path) -> None:
    """A configuration given to ``load`` must repeat every vector; the store gives none."""
    store.upsert(points(3))
    store.close()
    one = qdrant_edge.EdgeConfig(
        vectors={"dense": qdrant_edge.EdgeVectorParams(DIM, qdrant_edge.Distance.Cosine)}
    )
    with pytest.raises(Exception, match="incompatible"):
        qdrant_edge.EdgeShard.load(str(path / "shard"), one)
    again = EdgeStore(path, create=False)
    assert set(again.info().vectors) == {"dense", "rows", "sparse"}
    again.close()


def test_booleans_are_found_though_the_engine_matches_none(store: EdgeStore) -> None:
    store.upsert(points(4))
    with store._engine() as shard:
        raw = qdrant_edge.Point(9, {"dense": [1.0] * DIM}, {"flag": True})
        shard.update(qdrant_edge.UpdateOperation.upsert_points([raw]))
    found = [
        record.id
        for batch in store.scroll({"must": [{"key": "flag", "match": {"value": True}}]})
        for record in batch
    ]
    assert found == [0, 2]


def test_substrings_which_servers_before_1_20_cannot_match(store: EdgeStore) -> None:
    store.upsert(
        [Point(i, {"dense": ONES}, {"title": title}) for i, title in enumerate(("alphabet", "beta"))]
    )
    assert store.count({"must": [{"key": "title", "match": {"substring": "bet"}}]}) == 2
    assert store.count({"must": [{"key": "title", "match": {"substring": "pha"}}]}) == 1


def test_sentinels_come_back_as_what_they_stand_for() -> None:
    payload: dict[str, Any] = {
        "a": [True, False, [True, {"b": False}], 1, 0, 1.0, None, ""],
        "b": ["augury:true", "augury:false", "augury:", "augury:=x", "augury", "true"],
    }
    stored = sentinels.encode(payload)
    assert sentinels.decode(stored) == payload
    assert "True" not in repr(stored)
    assert sentinels.encode((1, True)) == [1, "augury:true"]


def test_ids_are_text_or_numbers(store: EdgeStore) -> None:
    name = str(uuid5(NAMESPACE_URL, "x"))  # sorts before "7" as text, after it in a scroll
    store.upsert([Point(name, {"dense": ONES}, {}), Point(7, {"dense": ONES}, {})])
    assert [p.id for p in store.search(SearchRequest(2, Nearest(ONES, "dense")))] == [name, 7]
    assert [record.id for batch in store.scroll() for record in batch] == [7, name]


def test_rrf_needs_k_and_gets_it(store: EdgeStore) -> None:
    store.upsert([Point(1, {"dense": ONES}, {})])
    prefetch = (Prefetch(1, Nearest(ONES, "dense")),)
    for k in (0, 60):
        assert store.search(SearchRequest(1, Fusion("rrf", k), prefetch=prefetch))[0].score == pytest.approx(
            1 / (1 + k)
        )
    with pytest.raises(TypeError):
        qdrant_edge.Fusion.Rrf()  # type: ignore[call-arg]


Usage = namedtuple("Usage", ["total", "used", "free"])


def _free(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, free))


def test_a_full_disk_is_noticed_before_writing(
    store: EdgeStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.upsert(points(3))
    with monkeypatch.context() as patched:
        _free(patched, edge_folder.ROOM)
        with pytest.raises(IndexFull, match="MiB free"):
            store.upsert(points(10))
        store.set_metadata({"a": 1})
        store.delete({"must": [{"has_id": [0]}]})
        _free(patched, 0)
        with pytest.raises(IndexFull):
            store.set_metadata({"a": 2})
        with pytest.raises(IndexFull):
            store.delete({"must": [{"has_id": [1]}]})
        with pytest.raises(IndexFull):
            other = EdgeStore(path.with_name("other"), create=True)
            other.ensure(SPEC)
        store.close()  # leaves the tidying up
    again = EdgeStore(path, create=False)
    assert again.count() == 2
    assert again.metadata() == {"a": 1}
    again.close()


def test_metadata_is_replaced_in_one_step(
    store: EdgeStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.set_metadata({"a": 1})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        with pytest.raises(IndexFull):
            store.set_metadata({"a": 2})
    assert store.metadata() == {"a": 1}
    (path / "augury.json").write_text("{")
    with pytest.raises(StoreError, match=r"augury\.json"):
        store.metadata()


def test_the_journal_and_memory_stay_small(path: Path) -> None:
    """100 MB of vectors: files of the journal are given back, and vectors live on disk."""
    store = EdgeStore(path, create=True)
    store.ensure(CollectionSpec(vectors={"dense": VectorSpec(size=1024)}))
    block: FloatArray = np.random.default_rng(0).standard_normal((1_000, 1024)).astype(np.float32)
    memory = psutil.Process().memory_full_info
    before = memory().uss
    for start in range(0, 25_000, 1_000):
        store.upsert([Point(start + i, {"dense": row}, {}) for i, row in enumerate(block)])
    journal = sum(file.stat().st_blocks * 512 for file in (path / "shard" / "wal").iterdir())
    assert journal < 140 * 2**20
    assert store.count() == 25_000
    store.close()
    assert memory().uss - before < 80 * 2**20


def test_searching_without_a_filter_never_imports_the_client(store: EdgeStore, path: Path) -> None:
    store.upsert(points(3))
    store.close()
    code = """
        from augury.schemas.points import Nearest, SearchRequest
        store.search(SearchRequest(1, Nearest(np.ones(8, dtype=np.float32), "dense")))
        sys.exit("qdrant_client" in sys.modules)
    """
    assert child(path, code) == 0


def test_large_multivectors_are_searched_by_codes_and_scored_by_rows(path: Path) -> None:
    """The codes find what comparing all rows finds, with its scores; a prefetch is scored by rows too."""
    dim, rows, count = 384, 4, 2_000  # 12 MB, more than a segment needs to get codes
    rng = np.random.default_rng(7)
    vectors = rng.standard_normal((count, rows, dim), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    store = EdgeStore(path, create=True)
    store.ensure(CollectionSpec(vectors={"rows": VectorSpec(size=dim, distance="dot", multi=True)}))
    for start in range(0, count, 500):
        store.upsert([Point(start + i, {"rows": v}, {}) for i, v in enumerate(vectors[start : start + 500])])
    store.close()
    assert list(path.rglob("*quantized*"))
    store = EdgeStore(path, create=False)
    found = 0
    for query in rng.standard_normal((20, 1, dim), dtype=np.float32):
        longer = store.search(SearchRequest(10, Nearest(query, "rows"), exact=False))
        query /= np.linalg.norm(query)
        nearest = Nearest(query, "rows")
        exact, rough = store.search_batch(
            [SearchRequest(10, nearest), SearchRequest(10, nearest, exact=False)]
        )
        best = (vectors @ query[0]).max(axis=1)
        assert [point.id for point in exact] == np.argsort(-best)[:10].tolist()
        assert [point.id for point in longer] == [point.id for point in exact]
        found += len({point.id for point in exact} & {point.id for point in rough})
        again = store.search(SearchRequest(10, nearest, prefetch=(Prefetch(10, nearest),), exact=False))
        for point in (*exact, *rough, *again):
            assert point.score == pytest.approx(best[point.id], abs=1e-5)
    assert found >= 0.98 * 20 * 10
    store.close()
