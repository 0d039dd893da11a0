"""Writing, reading, deleting and describing, on every store."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
import pytest

from augury.connector.store.base import Store
from augury.errors import FilterError, IndexNotFound, PointRejected, QueryError, StoreError
from augury.schemas.collection import CollectionSpec, SparseSpec, VectorSpec
from augury.schemas.points import Filter, Nearest, Point, SearchRequest, SparseVector
from tests.contract.stores import StoreFactory

DIM = 4
SPEC = CollectionSpec(
    vectors={"dense": VectorSpec(size=DIM), "rows": VectorSpec(size=DIM, distance="dot", multi=True)},
    sparse={"sparse": SparseSpec()},
    indexes={"doc_id": "keyword"},
)
ONES = np.ones(DIM, dtype=np.float32)


def sparse(indices: list[int], values: list[float]) -> SparseVector:
    wide: Any = np.array(indices)
    return SparseVector(
        wide if min(indices) < 0 else wide.astype(np.uint32), np.array(values, dtype=np.float32)
    )


def point(point_id: int | str, **payload: Any) -> Point:
    return Point(point_id, {"dense": ONES}, payload)


@pytest.fixture
def made(store: Store) -> Store:
    store.ensure(SPEC)
    return store


def ids(store: Store, filter: Filter | None = None) -> list[int | str]:
    return [record.id for batch in store.scroll(filter) for record in batch]


def test_payloads_come_back_exactly(made: Store) -> None:
    payload: dict[str, Any] = {
        "yes": True,
        "no": False,
        "none": None,
        "one": 1,
        "one point": 1.0,
        "tenth": 0.1,
        "tiny": 5e-324,
        "huge": 1.7e308,
        "largest": 2**63 - 1,
        "smallest": -(2**63),
        "empty list": [],
        "empty object": {},
        "empty text": "",
        "mixed": [True, 1, 1.5, "true", None, [False, {"deep": [True]}]],
        "object": {"ok": False, "inner": {"ok": True, "a.b": [1]}},
        "reserved": ["augury:true", "augury:false", "augury:=augury:true", "augury:"],
        "unicode": "Ångström 日本語 🦔 \u200b\x00\n",
        "ключ": {"キー": "値"},
    }
    made.upsert([Point(1, {"dense": ONES}, payload)])
    read = made.vectors([1], [])[1].payload
    assert read == payload
    assert _types(read) == _types(payload)
    assert next(made.scroll())[0].payload == payload
    assert made.search(SearchRequest(1, Nearest(ONES, "dense")))[0].payload == payload


def _types(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _types(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_types(inner) for inner in value]
    return type(value)


def test_a_large_payload_comes_back(made: Store) -> None:
    text = "größer " * 150_000
    made.upsert([point(1, text=text)])
    assert made.vectors([1], [])[1].payload == {"text": text}


def test_ids_are_uuids_in_their_usual_spelling_or_whole_numbers(made: Store) -> None:
    one = uuid.uuid4()
    made.upsert([point(one.hex.upper()), point(0), point(2**64 - 1)])
    assert set(ids(made)) == {str(one), 0, 2**64 - 1}
    assert set(made.vectors([one.hex, 0, 2**64 - 1, 5, "unknown"], ["dense"])) == {str(one), 0, 2**64 - 1}


def test_an_upsert_replaces_the_point(made: Store) -> None:
    made.upsert([Point(1, {"dense": ONES, "sparse": sparse([1], [1])}, {"a": 1})])
    made.upsert([point(1, b=2)])
    read = made.vectors([1], ["dense", "sparse", "rows"])[1]
    assert read.payload == {"b": 2}
    assert list(read.vectors) == ["dense"]
    assert made.count() == 1


def test_an_upsert_of_nothing_does_nothing(made: Store) -> None:
    made.upsert([])
    assert made.count() == 0


def test_vectors_come_back_as_they_were_written(made: Store) -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((3, DIM)).astype(np.float32)
    unit = np.array([0.6, 0.8, 0, 0], dtype=np.float32)
    made.upsert([Point(1, {"dense": unit, "rows": rows, "sparse": sparse([9, 2], [0.5, -1.5])}, {"a": 1})])
    read = made.vectors([1], ["dense", "rows", "sparse"])[1]
    np.testing.assert_allclose(np.asarray(read.vectors["dense"]), unit, atol=1e-6)
    np.testing.assert_array_equal(np.asarray(read.vectors["rows"]), rows)
    found = read.vectors["sparse"]
    assert isinstance(found, SparseVector)
    assert dict(zip(found.indices.tolist(), found.values.tolist(), strict=True)) == {2: -1.5, 9: 0.5}
    assert read.payload == {"a": 1}
    assert list(made.vectors([1], ["rows"])[1].vectors) == ["rows"]
    assert made.vectors([1], ["rows"], payload=False)[1].payload == {}
    assert made.vectors([1], [], payload=("a",))[1].payload == {"a": 1}
    assert made.vectors([1], [], payload=("b",))[1].payload == {}


def test_vectors_of_no_ids(made: Store) -> None:
    assert made.vectors([], ["dense"]) == {}


def test_scroll_visits_each_point_once_in_batches(made: Store) -> None:
    numbers = [point(i, doc_id=str(i % 3)) for i in range(25)]
    made.upsert(numbers + [point(str(uuid.uuid5(uuid.NAMESPACE_URL, str(i)))) for i in range(20)])
    batches = list(made.scroll(batch=7, payload=False))
    assert [len(batch) for batch in batches] == [7, 7, 7, 7, 7, 7, 3]
    assert len({record.id for batch in batches for record in batch}) == 45
    assert all(record.payload == {} and record.vectors == {} for batch in batches for record in batch)
    third: Filter = {"must": [{"key": "doc_id", "match": {"value": "1"}}]}
    some = [
        record for batch in made.scroll(third, payload=("doc_id",), vectors=("dense",)) for record in batch
    ]
    assert [record.id for record in some] == [1, 4, 7, 10, 13, 16, 19, 22]
    assert all(record.payload == {"doc_id": "1"} and list(record.vectors) == ["dense"] for record in some)
    assert list(made.scroll({"must": [{"has_id": [99]}]})) == []


def test_scroll_may_write_what_it_reads(made: Store) -> None:
    made.upsert([point(i) for i in range(30)])
    for batch in made.scroll(batch=7, vectors=("dense",)):
        made.upsert([Point(record.id, record.vectors, {"seen": True}) for record in batch])
    assert made.count({"must": [{"key": "seen", "match": {"value": True}}]}) == 30


def test_delete_by_filter(made: Store) -> None:
    made.upsert([point(i, doc_id=str(i % 2), done=i % 3 == 0) for i in range(12)])
    made.delete({"must": [{"key": "doc_id", "match": {"value": "1"}}], "must_not": [{"has_id": [1]}]})
    assert set(ids(made)) == {0, 1, 2, 4, 6, 8, 10}
    made.delete({"must": [{"key": "done", "match": {"value": True}}]})
    assert set(ids(made)) == {1, 2, 4, 8, 10}
    made.delete({"must": [{"has_id": []}]})
    assert made.count() == 5


def test_a_delete_without_conditions_is_refused(made: Store) -> None:
    made.upsert([point(1)])
    nothing: list[Filter] = [{}, {"must": []}, {"must": [{"should": []}], "must_not": []}]
    for filter in nothing:
        with pytest.raises(FilterError, match="every point"):
            made.delete(filter)
    assert made.count() == 1


def test_metadata_is_replaced_as_a_whole(made: Store) -> None:
    assert made.metadata() is None
    first = {"a": 1, "deep": {"b": [True, None, 1.5], "ü": "日本"}, "none": None}
    made.set_metadata(first)
    assert made.metadata() == first
    made.set_metadata({"deep": {"c": 2}})
    assert made.metadata() == {"deep": {"c": 2}}


def test_ensure_twice_and_differently(store: Store) -> None:
    assert not store.exists()
    store.ensure(SPEC)
    assert store.exists()
    store.upsert([point(1)])
    store.ensure(SPEC)
    store.ensure(SPEC.model_copy(update={"indexes": {"doc_id": "keyword", "flag": "bool", "n": "integer"}}))
    assert store.count() == 1
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"vectors": {"dense": VectorSpec(size=5)}}, "dense.*4 numbers.*5 numbers"),
        ({"vectors": {"dense": VectorSpec(size=DIM, distance="dot")}}, "dense.*cosine.*dot"),
        ({"vectors": {"rows": VectorSpec(size=DIM, distance="dot")}}, "rows.*multivector"),
        ({"vectors": {"other": VectorSpec(size=DIM)}}, "other.*missing"),
        ({"sparse": {"sparse": SparseSpec(idf=True)}}, "idf"),
        ({"sparse": {"terms": SparseSpec()}}, "terms.*missing"),
    ]
    for change, message in wrong:
        with pytest.raises(StoreError, match=message):
            store.ensure(CollectionSpec(**change))
    assert store.count() == 1


def test_what_was_written_is_there_when_opened_again(store_factory: StoreFactory) -> None:
    store = store_factory.new()
    store.ensure(SPEC)
    store.set_metadata({"profile": "x"})
    store.upsert([point(i, flag=i == 1) for i in range(3)])
    store.flush()
    again = store_factory.again(store)
    assert again.exists()
    assert again.metadata() == {"profile": "x"}
    assert again.count({"must": [{"key": "flag", "match": {"value": True}}]}) == 1
    assert set(again.info().vectors) == {"dense", "rows", "sparse"}
    again.ensure(SPEC)
    with pytest.raises(PointRejected):
        again.upsert([Point(9, {"dense": np.ones(3, dtype=np.float32)}, {})])


def test_info(made: Store) -> None:
    made.upsert([point(1)])
    info = made.info()
    assert info.points == 1
    assert info.engine
    assert info.version[0].isdigit()
    assert set(info.vectors) == {"dense", "rows", "sparse"}


def test_a_collection_that_was_not_made(store: Store) -> None:
    with pytest.raises(IndexNotFound):
        store.count()
    with pytest.raises(IndexNotFound):
        store.upsert([point(1)])
    with pytest.raises(IndexNotFound):
        store.search(SearchRequest(1, Nearest(ONES, "dense")))


def test_a_closed_store_says_so(made: Store) -> None:
    made.close()
    made.close()
    with pytest.raises(StoreError, match="closed"):
        made.count()


def _dense(value: object) -> dict[str, Any]:
    return {"dense": value}


BAD: dict[str, tuple[int | str | Any, dict[str, Any], Any]] = {
    "width": (7, _dense(np.ones(3, dtype=np.float32)), {}),
    "nan": (7, _dense(np.array([1, np.nan, 0, 0], dtype=np.float32)), {}),
    "infinity": (7, _dense(np.array([1, np.inf, 0, 0], dtype=np.float32)), {}),
    "beyond float32": (7, _dense(np.array([1e300, 0, 0, 0])), {}),
    "a list": (7, _dense([1.0, 0.0, 0.0, 0.0]), {}),
    "rows for a vector": (7, _dense(np.ones((1, DIM), dtype=np.float32)), {}),
    "a vector for rows": (7, {"rows": ONES}, {}),
    "no rows": (7, {"rows": np.empty((0, DIM), dtype=np.float32)}, {}),
    "width of rows": (7, {"rows": np.ones((2, 3), dtype=np.float32)}, {}),
    "nan in rows": (7, {"rows": np.full((2, DIM), np.nan, dtype=np.float32)}, {}),
    "too many rows": (7, {"rows": np.ones((2**18 + 1, DIM), dtype=np.float32)}, {}),
    "dense for sparse": (7, {"sparse": ONES}, {}),
    "sparse for dense": (7, _dense(sparse([1], [1])), {}),
    "repeated index": (7, {"sparse": sparse([1, 1], [1, 2])}, {}),
    "sparse lengths": (7, {"sparse": sparse([1, 2], [1])}, {}),
    "sparse nan": (7, {"sparse": sparse([1], [np.nan])}, {}),
    "negative index": (7, {"sparse": sparse([-1], [1])}, {}),
    "unknown name": (7, {"other": ONES}, {}),
    "text id": ("seven", _dense(ONES), {}),
    "negative id": (-7, _dense(ONES), {}),
    "large id": (2**64, _dense(ONES), {}),
    "boolean id": (True, _dense(ONES), {}),
    "float id": (7.0, _dense(ONES), {}),
    "payload nan": (7, _dense(ONES), {"a": [float("nan")]}),
    "payload integer": (7, _dense(ONES), {"a": {"b": 2**63}}),
    "payload key": (7, _dense(ONES), {1: "a"}),
    "payload object": (7, _dense(ONES), {"a": object()}),
    "payload surrogate": (7, _dense(ONES), {"a": "\ud800"}),
    "payload list": (7, _dense(ONES), ["a"]),
}


def test_bad_points_are_refused_before_anything_is_written(made: Store) -> None:
    for name, (point_id, vectors, payload) in BAD.items():
        bad = Point(point_id, vectors, payload)
        with pytest.raises(PointRejected) as caught:
            made.upsert([point(1), bad, point(2)])
        assert caught.value.ids == (point_id,), name
        assert "1 of 3 points" in str(caught.value), name
        assert made.count() == 0, name
    made.upsert([point(1)])
    assert made.count() == 1


def test_all_bad_points_are_named(made: Store) -> None:
    short = np.ones(2, dtype=np.float32)
    with pytest.raises(PointRejected, match="and 2 more") as caught:
        made.upsert([Point(i, {"dense": short if i % 2 else ONES}, {}) for i in range(10)])
    assert caught.value.ids == (1, 3, 5, 7, 9)


def test_an_empty_sparse_vector_is_a_passage_without_terms(made: Store) -> None:
    empty = SparseVector(np.empty(0, dtype=np.uint32), np.empty(0, dtype=np.float32))
    made.upsert([Point(1, {"sparse": empty}, {})])
    assert made.count() == 1
    assert made.search(SearchRequest(5, Nearest(empty, "sparse"))) == []


def test_reading_an_unknown_vector_is_refused(made: Store) -> None:
    made.upsert([point(1)])
    with pytest.raises(QueryError, match="no vector named 'other'"):
        made.vectors([1], ["other"])
    with pytest.raises(QueryError, match="no vector named 'other'"):
        list(made.scroll(vectors=("other",)))
