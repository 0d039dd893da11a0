"""Search, fusion and ranking, on every store and against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from augury.connector.store.base import Store
from augury.errors import FilterError, QueryError
from augury.schemas.collection import CollectionSpec, SparseSpec, VectorSpec
from augury.schemas.points import (
    FloatArray,
    Fusion,
    Nearest,
    Point,
    PointId,
    Prefetch,
    ScoredPoint,
    SearchRequest,
    SparseVector,
)

DIM, TERMS, POINTS = 16, 60, 200
SPEC = CollectionSpec(
    vectors={
        "dense": VectorSpec(size=DIM),
        "rows": VectorSpec(size=DIM, distance="dot", multi=True),
        "plain": VectorSpec(size=DIM, distance="dot"),
    },
    sparse={"sparse": SparseSpec(), "bm25": SparseSpec(idf=True)},
)
Scores = dict[int, float]


def _unit(array: FloatArray) -> FloatArray:
    unit: FloatArray = array / np.linalg.norm(array, axis=-1, keepdims=True)
    return unit


def _sparse(rng: np.random.Generator, nonzero: int) -> SparseVector:
    indices = rng.choice(TERMS, nonzero, replace=False).astype(np.uint32)
    return SparseVector(indices, rng.uniform(0.1, 2, nonzero).astype(np.float32))


class Corpus:
    """Random points, and what each search over them should find."""

    def __init__(self) -> None:
        rng = np.random.default_rng(7)
        self.dense = rng.standard_normal((POINTS, DIM)).astype(np.float32)
        self.rows = [rng.standard_normal((1 + i % 5, DIM)).astype(np.float32) for i in range(POINTS)]
        self.sparse = [_sparse(rng, 8) for _ in range(POINTS)]
        self.query = rng.standard_normal(DIM).astype(np.float32)
        self.query_rows = rng.standard_normal((3, DIM)).astype(np.float32)
        self.query_sparse = _sparse(rng, 5)

    def points(self) -> list[Point]:
        return [
            Point(
                i,
                {
                    "dense": self.dense[i],
                    "plain": self.dense[i],
                    "rows": self.rows[i],
                    "sparse": self.sparse[i],
                    "bm25": self.sparse[i],
                },
                {"even": i % 2 == 0, "n": i, "text": f"passage {i}"},
            )
            for i in range(POINTS)
        ]

    def cosine(self) -> Scores:
        return dict(enumerate((_unit(self.dense) @ _unit(self.query)).tolist()))

    def dot(self) -> Scores:
        return dict(enumerate((self.dense @ self.query).tolist()))

    def maxsim(self, query: FloatArray) -> Scores:
        return {i: float((query @ rows.T).max(axis=1).sum()) for i, rows in enumerate(self.rows)}

    def terms(self, *, idf: bool) -> Scores:
        """A term's idf is ln(1 + (N - n + .5) / (n + .5)); points that share no term are not found."""
        found: Scores = {}
        frequency = np.bincount(np.concatenate([v.indices for v in self.sparse]), minlength=TERMS)
        weight = np.log(1 + (POINTS - frequency + 0.5) / (frequency + 0.5)) if idf else np.ones(TERMS)
        values = dict(zip(self.query_sparse.indices.tolist(), self.query_sparse.values.tolist(), strict=True))
        for i, vector in enumerate(self.sparse):
            shared = [
                values[term] * value * weight[term]
                for term, value in zip(vector.indices.tolist(), vector.values.tolist(), strict=True)
                if term in values
            ]
            if shared:
                found[i] = float(sum(shared))
        return found


CORPUS = Corpus()


@pytest.fixture
def filled(store: Store) -> Store:
    store.ensure(SPEC)
    store.upsert(CORPUS.points())
    return store


def ranked(scores: Scores, limit: int) -> list[tuple[int, float]]:
    return sorted(scores.items(), key=lambda item: (-item[1], str(item[0])))[:limit]


def assert_ranking(found: list[ScoredPoint], scores: Scores, limit: int, *, tolerance: float = 1e-4) -> None:
    expected = ranked(scores, limit)
    assert [point.id for point in found] == [i for i, _ in expected]
    np.testing.assert_allclose([point.score for point in found], [s for _, s in expected], atol=tolerance)


def fused_by_rrf(lists: list[list[int]], k: int, weights: list[float]) -> Scores:
    """Qdrant's weighted RRF: the rank is divided by the weight, 1 / (rank / weight + k), ranks from 1.

    With equal weights of 1 that is the formula of Cormack et al.; with others it is not weight / (k + rank).
    """
    scores: Scores = {}
    for ranking, weight in zip(lists, weights, strict=True):
        for rank, i in enumerate(ranking, start=1):
            scores[i] = scores.get(i, 0.0) + (1 / (rank / weight + k) if weight else 0.0)
    return scores


def fused_by_dbsf(lists: list[list[tuple[int, float]]]) -> Scores:
    """Each list is scaled so that its mean minus and plus three sample standard deviations become 0 and 1."""
    scores: Scores = {}
    for ranking in lists:
        values = np.array([score for _, score in ranking])
        mean, deviation = values.mean(), values.std(ddof=1)
        for i, score in ranking:
            scores[i] = scores.get(i, 0.0) + float((score - (mean - 3 * deviation)) / (6 * deviation))
    return scores


def test_dense(filled: Store) -> None:
    assert_ranking(filled.search(SearchRequest(20, Nearest(CORPUS.query, "dense"))), CORPUS.cosine(), 20)
    assert_ranking(filled.search(SearchRequest(20, Nearest(CORPUS.query, "plain"))), CORPUS.dot(), 20)


@pytest.mark.parametrize("name", ["sparse", "bm25"])
def test_sparse(filled: Store, name: str) -> None:
    expected = CORPUS.terms(idf=name == "bm25")
    assert 20 < len(expected) < POINTS
    assert_ranking(filled.search(SearchRequest(20, Nearest(CORPUS.query_sparse, name))), expected, 20)
    assert len(filled.search(SearchRequest(POINTS, Nearest(CORPUS.query_sparse, name)))) == len(expected)


def test_multivector_maxsim(filled: Store) -> None:
    one = filled.search(SearchRequest(20, Nearest(CORPUS.query, "rows")))
    assert_ranking(one, CORPUS.maxsim(CORPUS.query[np.newaxis]), 20)
    several = filled.search(SearchRequest(20, Nearest(CORPUS.query_rows, "rows")))
    assert_ranking(several, CORPUS.maxsim(CORPUS.query_rows), 20)


def test_a_union_of_two_branches_scored_by_one(filled: Store) -> None:
    dense, rows = CORPUS.cosine(), CORPUS.maxsim(CORPUS.query[np.newaxis])
    union = {i for i, _ in ranked(dense, 10)} | {i for i, _ in ranked(rows, 10)}
    found = filled.search(
        SearchRequest(
            50,
            Nearest(CORPUS.query, "rows"),
            prefetch=(
                Prefetch(10, Nearest(CORPUS.query, "dense")),
                Prefetch(10, Nearest(CORPUS.query, "rows")),
            ),
        )
    )
    assert_ranking(found, {i: rows[i] for i in union}, 50)


def branches(limit: int = 30, **options: Any) -> tuple[Prefetch, ...]:
    return (
        Prefetch(limit, Nearest(CORPUS.query, "dense"), **options),
        Prefetch(limit, Nearest(CORPUS.query, "rows"), **options),
        Prefetch(limit, Nearest(CORPUS.query_sparse, "sparse"), **options),
    )


def branch_lists(limit: int = 30) -> list[list[tuple[int, float]]]:
    scores = [CORPUS.cosine(), CORPUS.maxsim(CORPUS.query[np.newaxis]), CORPUS.terms(idf=False)]
    return [ranked(given, limit) for given in scores]


@pytest.mark.parametrize("weights", [None, (1.0, 2.5, 0.4), (1.0, 0.0, 1.0)])
@pytest.mark.parametrize("k", [60, 2])
def test_rrf(filled: Store, k: int, weights: tuple[float, ...] | None) -> None:
    lists = [[i for i, _ in ranking] for ranking in branch_lists()]
    expected = fused_by_rrf(lists, k, list(weights or (1.0, 1.0, 1.0)))
    found = filled.search(SearchRequest(25, Fusion("rrf", k, weights), prefetch=branches()))
    assert {point.id: pytest.approx(point.score, abs=1e-6) for point in found} == {
        point.id: expected[int(point.id)] for point in found
    }
    best = [score for _, score in ranked(expected, 25)]
    np.testing.assert_allclose([point.score for point in found], best, atol=1e-6)


def test_dbsf(filled: Store) -> None:
    expected = fused_by_dbsf(branch_lists())
    found = filled.search(SearchRequest(25, Fusion("dbsf"), prefetch=branches()))
    assert_ranking(found, expected, 25, tolerance=1e-4)


def test_a_filter_holds_for_every_branch(filled: Store) -> None:
    even: Any = {"must": [{"key": "even", "match": {"value": True}}]}
    lists = [
        ranked({i: s for i, s in scores.items() if i % 2 == 0}, 10)
        for scores in (CORPUS.cosine(), CORPUS.maxsim(CORPUS.query[np.newaxis]), CORPUS.terms(idf=False))
    ]
    expected = {i for ranking in lists for i, _ in ranking}
    inside = filled.search(SearchRequest(60, Fusion("rrf"), prefetch=branches(10, filter=even)))
    assert {point.id for point in inside} == expected
    both = filled.search(SearchRequest(60, Fusion("rrf"), prefetch=branches(10, filter=even), filter=even))
    assert {point.id for point in both} == expected
    outside = filled.search(SearchRequest(60, Fusion("rrf"), prefetch=branches(10), filter=even))
    assert {point.id for point in outside} == expected
    plain = filled.search(SearchRequest(10, Nearest(CORPUS.query, "dense"), filter=even))
    assert [point.id for point in plain] == [i for i, _ in lists[0]]


def test_fusion_of_fusions(filled: Store) -> None:
    inner = Prefetch(20, Fusion("rrf"), prefetch=branches(10))
    found = filled.search(SearchRequest(5, Nearest(CORPUS.query, "dense"), prefetch=(inner,)))
    assert len(found) == 5
    lists = [[i for i, _ in ranking] for ranking in branch_lists(10)]
    assert {point.id for point in found} <= set(fused_by_rrf(lists, 60, [1.0] * 3))


def test_payload_and_vectors_as_asked_for(filled: Store) -> None:
    nearest = Nearest(CORPUS.query, "dense")
    best = ranked(CORPUS.cosine(), 1)[0][0]
    all_of_it = filled.search(SearchRequest(1, nearest))[0]
    assert all_of_it.payload == {"even": best % 2 == 0, "n": best, "text": f"passage {best}"}
    assert all_of_it.vectors == {}
    some = filled.search(SearchRequest(1, nearest, payload=("n",), vectors=("rows", "sparse")))[0]
    assert some.payload == {"n": best}
    assert set(some.vectors) == {"rows", "sparse"}
    np.testing.assert_array_equal(some.vectors["rows"], CORPUS.rows[best])
    assert filled.search(SearchRequest(1, nearest, payload=False))[0].payload == {}


def test_a_batch_answers_in_order(filled: Store) -> None:
    requests = [
        SearchRequest(limit, Nearest(row, "dense"))
        for limit, row in zip((3, 1, 5), CORPUS.query_rows, strict=True)
    ]
    batch = filled.search_batch(requests)
    assert [len(points) for points in batch] == [3, 1, 5]
    alone = [filled.search(request) for request in requests]
    assert [[p.id for p in points] for points in batch] == [[p.id for p in points] for points in alone]


def test_an_empty_batch(filled: Store) -> None:
    assert filled.search_batch([]) == []


def test_an_empty_collection_finds_nothing(store: Store) -> None:
    store.ensure(SPEC)
    assert store.search(SearchRequest(5, Nearest(CORPUS.query, "dense"))) == []
    assert store.search(SearchRequest(5, Fusion("rrf"), prefetch=branches())) == []


@pytest.mark.parametrize("tied", [12, 500])
def test_ties_are_ordered_and_cut_by_id(store: Store, tied: int) -> None:
    store.ensure(CollectionSpec(vectors={"dense": VectorSpec(size=2)}))
    same, better = np.array([1, 1], dtype=np.float32), np.array([1, 0], dtype=np.float32)
    names: list[PointId] = sorted((i for i in range(tied)), key=str)
    points = [Point(i, {"dense": same}, {}) for i in names] + [Point(9_999, {"dense": better}, {})]
    store.upsert(points[::-1])
    for limit in (1, 5, 10):
        found = store.search(SearchRequest(limit, Nearest(better, "dense")))
        assert [point.id for point in found] == [9_999, *names[: limit - 1]]


def test_unusable_searches_are_refused(filled: Store) -> None:
    nearest = Nearest(CORPUS.query, "dense")
    bad: list[tuple[SearchRequest, str]] = [
        (SearchRequest(0, nearest), "asks for 0"),
        (SearchRequest(1, Nearest(CORPUS.query, "other")), "no vector named 'other'"),
        (SearchRequest(1, nearest, vectors=("other",)), "no vector named 'other'"),
        (SearchRequest(1, Nearest(CORPUS.query[:3], "dense")), "3 numbers, not 16"),
        (SearchRequest(1, Nearest(CORPUS.query * np.float32(np.nan), "dense")), "NaN"),
        (SearchRequest(1, Nearest(CORPUS.query_sparse, "dense")), "not an array"),
        (SearchRequest(1, Nearest(CORPUS.query, "sparse")), "not a sparse vector"),
        (SearchRequest(1, Fusion("rrf")), "no lists"),
        (SearchRequest(1, Fusion("rrf", weights=(1.0,)), prefetch=branches()), "3 lists has 1 weights"),
        (SearchRequest(1, Fusion("rrf", weights=(1.0, -1.0, 1.0)), prefetch=branches()), "0 or more"),
        (SearchRequest(1, Fusion("dbsf", weights=(1.0, 1.0, 1.0)), prefetch=branches()), "takes no weights"),
        (SearchRequest(1, Fusion("rrf", k=-1), prefetch=branches()), "k of a fusion"),
        (SearchRequest(1, nearest, prefetch=(Prefetch(0, nearest),)), "asks for 0"),
    ]
    for request, message in bad:
        with pytest.raises(QueryError, match=message):
            filled.search(request)
    with pytest.raises(FilterError):
        filled.search(SearchRequest(1, nearest, filter={"musst": []}))


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.5, 0.8, 1.0])
def test_maxsim_over_folded_rows_is_the_spike_score(store: Store, alpha: float) -> None:
    """Rows r_s = alpha*d + (1-alpha)*s make the engine's MaxSim alpha*cos(q,d) + (1-alpha)*max_s cos(q,s)."""
    rng = np.random.default_rng(3)
    count, dim = 1_000, 32
    dense = _unit(rng.standard_normal((count, dim)).astype(np.float32))
    scenarios = [_unit(rng.standard_normal((n, dim)).astype(np.float32)) for n in rng.integers(0, 9, count)]
    query = _unit(rng.standard_normal(dim).astype(np.float32))
    folded = [
        np.float32(alpha) * d + np.float32(1 - alpha) * rows if len(rows) else d[np.newaxis]
        for d, rows in zip(dense, scenarios, strict=True)
    ]
    store.ensure(CollectionSpec(vectors={"scenarios": VectorSpec(size=dim, distance="dot", multi=True)}))
    store.upsert([Point(i, {"scenarios": rows}, {}) for i, rows in enumerate(folded)])
    expected: Scores = {}
    for i, rows in enumerate(scenarios):
        to_dense = float(query.astype(float) @ dense[i])
        best = float((rows.astype(float) @ query).max()) if len(rows) else to_dense
        expected[i] = alpha * to_dense + (1 - alpha) * best
    found = store.search(SearchRequest(50, Nearest(query[np.newaxis], "scenarios")))
    assert_ranking(found, expected, 50, tolerance=1e-5)
