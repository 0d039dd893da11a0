"""Searches by q-net alone: what is found, what that takes, and where it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import augury
import augury.connector.query.by_qnet as module
from augury.connector.query.best import Best, Scored
from augury.errors import ModelError, ModelOutputError, QueryError
from augury.schemas.points import FloatArray, Nearest, Record, SearchRequest
from augury.schemas.profile import ChunkProfile, HypencoderProfile, Profile
from augury.schemas.qnet_search import QNetWay
from tests.exact import ExactDense, ExactReranker, ExactSparse, signs

DIM = ExactDense.dim
DOCUMENTS = [
    augury.Document(
        id=f"d{number}",
        text="\n\n".join(f"p{number}x{part} of part {part}" for part in range(1 + number % 3)),
        metadata={"n": number, "whose": "abc"[number % 3]},
    )
    for number in range(60)
]
METHODS = ("exhaustive", "neighbours", "gradient")
EVERYWHERE = (
    "neighbours:width=3,reach=1000",
    "gradient:width=3,reach=1000",
    "neighbours:random=2,width=2,reach=1000",
)
PASSAGES = sum(1 + number % 3 for number in range(60))


class Net:
    """The score of x: x.w - bend (x.a)^2."""

    def __init__(self, query: str, bend: float) -> None:
        rng = np.random.default_rng(len(query))
        self.linear = signs(query).astype(np.float32)
        self.axis = rng.standard_normal(DIM).astype(np.float32)
        self.bend = bend
        self.broken = "broken" in query
        self.scored = 0

    def score(self, items: FloatArray) -> FloatArray:
        self.scored += len(items)
        if self.broken:
            raise ModelOutputError("No usable score", "Say it otherwise", positions=[0])
        found: FloatArray = items @ self.linear - self.bend * (items @ self.axis) ** 2
        return found.astype(np.float32)

    def gradient(self, items: FloatArray) -> FloatArray:
        bent = 2 * self.bend * (items @ self.axis)[:, None] * self.axis
        return (self.linear - bent).astype(np.float32)


class Nets:
    """Reads the dense vectors; keeps the q-nets that it made."""

    name, revision, dim = "nets", "1", DIM

    def __init__(self, bend: float = 0.2) -> None:
        self.bend = bend
        self.made: list[Net] = []

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        return ExactDense().encode_documents(texts)

    def qnets(self, queries: Sequence[str]) -> list[Net]:
        self.made += (nets := [Net(query, self.bend) for query in queries])
        return nets

    def score(self, queries: Sequence[str], candidates: Sequence[FloatArray]) -> list[FloatArray]:
        nets = self.qnets(queries)
        return [net.score(own) for net, own in zip(nets, candidates, strict=True)]


def opened(where: str | Path, nets: Any, **changes: Any) -> augury.Index:
    profile = Profile(
        chunk=ChunkProfile(min_chars=5, max_chars=18, overlap=0),
        hypencoder=HypencoderProfile(model="nets", reads=changes.pop("reads", "dense")),
        **changes,
    )
    return augury.open(where, profile=profile, dense=ExactDense(), sparse=ExactSparse(), hypencoder=nets)


@pytest.fixture(scope="module", params=["edge", "memory"])
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[augury.Index]:
    where = tmp_path_factory.mktemp("by-qnet") / "index" if request.param == "edge" else ":memory:"
    with opened(where, Nets()) as made:
        made.ingest(DOCUMENTS)
        assert made.store.count() == PASSAGES
        yield made


def brute(
    index: augury.Index, query: str, *, group: bool = True, among: str = "abc"
) -> list[tuple[str, float]]:
    """Every document (or passage) by the q-net, best first, ties as everywhere by the point's id."""
    net = Net(query, Nets().bend)
    scored = []
    for records in index.store.scroll(vectors=("dense",)):
        scores = net.score(np.stack([np.asarray(record.vectors["dense"]) for record in records]))
        scored += [Scored(float(score), record) for score, record in zip(scores, records, strict=True)]
    scored = [each for each in scored if each.record.payload["metadata"]["whose"] in among]
    best: dict[str, tuple[str, float]] = {}
    for each in sorted(scored, key=Scored.order):
        name = each.record.payload["doc_id"]
        best.setdefault(name if group else str(each.record.id), (name, each.score))
    return list(best.values())


def found(result: augury.SearchResult) -> list[tuple[str, Any]]:
    return [(hit.doc_id, pytest.approx(hit.score, abs=1e-5)) for hit in result.hits]


def search(index: augury.Index, query: str, method: str, **options: Any) -> augury.SearchResult:
    return index.retriever.search(query, augury.SearchOptions(by_qnet=method, **options))


@pytest.mark.parametrize("group", [True, False])
@pytest.mark.parametrize("method", ["exhaustive", *EVERYWHERE])
def test_looking_everywhere_finds_what_brute_force_does(
    index: augury.Index, method: str, group: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK", 7)
    for query in ("one", "two words", "three of them"):
        for limit in (1, 10, 500):
            result = search(index, query, method, limit=limit, group=group)
            assert brute(index, query, group=group)[:limit] == found(result)
            assert result.qnet is not None and result.qnet.evaluations == PASSAGES
            ranks = [hit.explanation.fused.rank for hit in result.hits]
            assert ranks == list(range(1, len(ranks) + 1))
            assert {"qnet", "fetch", "total"} <= set(result.timings_ms)


@pytest.mark.parametrize("method", METHODS)
def test_what_was_taken_is_what_is_told(method: str, tmp_path: Path) -> None:
    nets = Nets()
    calls: list[int] = []
    with opened(tmp_path / "index", nets) as index:
        index.ingest(DOCUMENTS)
        searching = index.store.search_batch

        def counted(requests: Sequence[SearchRequest]) -> Any:
            calls.append(len(requests))
            return searching(requests)

        index.store.search_batch = counted  # type: ignore[method-assign]
        work = search(index, "a need", method, limit=3, candidates=5).qnet
        assert work is not None
    assert len(nets.made) == 1 and nets.made[0].scored == work.evaluations
    assert sum(calls) == work.engine_queries
    if method == "exhaustive":
        assert work.model_dump() == {
            "evaluations": PASSAGES,
            "gradients": 0,
            "engine_calls": 1,
            "engine_queries": 0,
            "rounds": 0,
        }
    else:
        assert work.rounds == len(calls) - 1 >= 1
        assert len(calls) < work.engine_calls <= 2 * len(calls)
        assert (work.gradients > 0) == (method == "gradient")


@given(st.text("abcdefgh", min_size=1, max_size=8), st.integers(1, 30))
def test_where_the_q_net_is_linear_one_gradient_finds_what_the_engine_does(
    linear: augury.Index, query: str, limit: int
) -> None:
    options = augury.SearchOptions(
        by_qnet=f"gradient:rounds=1,reach={limit},random=1", limit=limit, group=False
    )
    hits = linear.retriever.search(query, options)
    nearest = linear.store.search(SearchRequest(limit, Nearest(signs(query), "dense")))
    # The passage that it started from may share the last place's score.
    assert [hit.score for hit in hits.hits] == pytest.approx([point.score for point in nearest], abs=1e-5)
    assert hits.qnet is not None
    assert (hits.qnet.gradients, hits.qnet.engine_queries, hits.qnet.rounds) == (1, 1, 1)


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Iterator[augury.Index]:
    with opened(tmp_path_factory.mktemp("linear") / "index", Nets(bend=0)) as made:
        made.ingest(DOCUMENTS)
        yield made


def test_one_gradient_is_asked_once(linear: augury.Index) -> None:
    work = search(linear, "a need", "gradient:random=20,width=20").qnet
    assert work is not None and work.gradients >= 20
    assert work.engine_queries == work.rounds  # all gradients of a round are the same direction


@pytest.mark.parametrize("method", METHODS)
def test_filters_hold_in_every_step(index: augury.Index, method: str) -> None:
    where = augury.where(["whose=b"])
    settings = "" if method == "exhaustive" else ":width=3,reach=1000"
    result = search(index, "one", method + settings, limit=100, filter=where)
    assert brute(index, "one", among="b") == found(result)
    assert {hit.metadata["whose"] for hit in result.hits} == {"b"}
    nothing = search(index, "one", method, filter=augury.where(["n>1000"]))
    assert nothing.hits == []
    assert nothing.qnet is not None and nothing.qnet.evaluations == 0


@pytest.mark.parametrize("method", ["exhaustive", *EVERYWHERE])
def test_tenants_see_their_own(method: str, tmp_path: Path) -> None:
    with opened(tmp_path / "index", Nets(), tenant="whose") as index:
        index.ingest(DOCUMENTS)
        result = search(index, "one", method, limit=100, tenant="b")
        assert brute(index, "one", among="b") == found(result)
        with pytest.raises(QueryError, match="several tenants"):
            search(index, "one", method)


@pytest.mark.parametrize("method", ["exhaustive", *EVERYWHERE])
def test_deleted_passages_are_not_found(method: str, tmp_path: Path) -> None:
    with opened(tmp_path / "index", Nets()) as index:
        index.ingest(DOCUMENTS)
        first = search(index, "one", method, limit=5).hits
        for hit in first[:3]:
            index.store.delete({"must": [{"key": "doc_id", "match": {"value": hit.doc_id}}]})
        assert found(search(index, "one", method, limit=2)) == [(hit.doc_id, hit.score) for hit in first[3:]]


@pytest.mark.parametrize("method", ["exhaustive", *EVERYWHERE])
def test_an_index_of_few_or_no_passages(method: str, tmp_path: Path) -> None:
    with opened(tmp_path / "index", Nets()) as index:
        index.ingest([])
        assert search(index, "one", method).hits == []
        index.ingest(DOCUMENTS[:1])
        assert [hit.doc_id for hit in search(index, "one", method).hits] == ["d0"]


@pytest.mark.parametrize("method", METHODS)
def test_beside_a_loop_the_same_is_found(index: augury.Index, method: str) -> None:
    queries = [f"need {number}" for number in range(6)]
    way = f"{method}:width=4" if method == "neighbours" else method
    options = augury.SearchOptions(by_qnet=way, limit=5)
    expected = index.retriever.search_batch(queries, options)

    async def together() -> list[augury.SearchResult]:
        async with index.async_retriever() as retriever:
            return await retriever.search_batch(queries, options)

    for mine, theirs in zip(asyncio.run(together()), expected, strict=True):
        assert (mine.hits, mine.plan, mine.qnet) == (theirs.hits, theirs.plan, theirs.qnet)
    assert expected[3].hits == search(index, queries[3], way, limit=5).hits


def test_queries_that_are_asked_together_share_a_pass(
    index: augury.Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = 0
    page = index.store.page

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal pages
        pages += 1
        return page(*arguments, **options)

    monkeypatch.setattr(index.store, "page", counted)
    options = augury.SearchOptions(by_qnet="exhaustive")
    assert len(index.retriever.search_batch([f"need {number}" for number in range(12)], options)) == 12
    assert pages == 1


@pytest.mark.parametrize("method", METHODS)
def test_a_q_net_that_breaks_is_an_error(index: augury.Index, method: str) -> None:
    with pytest.raises(ModelOutputError, match="No usable score"):
        search(index, "broken", method)

    async def both() -> list[Any]:
        async with index.async_retriever() as retriever:
            options = augury.SearchOptions(by_qnet=method)
            searches = [retriever.search(query, options) for query in ("broken", "one")]
            return await asyncio.gather(*searches, return_exceptions=True)

    broken, whole = asyncio.run(both())
    assert isinstance(broken, ModelOutputError)
    assert whole.hits == search(index, "one", method).hits


@pytest.mark.parametrize("reads", ["own", "dense"])
def test_it_reads_the_vector_that_the_q_nets_read(reads: str, tmp_path: Path) -> None:
    with opened(tmp_path / "index", Nets(), reads=reads) as index:
        index.ingest(DOCUMENTS)
        for method in METHODS:
            plan = index.retriever.plan("one", augury.SearchOptions(by_qnet=method))
            assert plan.qnet is not None and plan.qnet.using == {"own": "hypencoder"}.get(reads, "dense")
            assert augury.QueryPlan.model_validate_json(plan.model_dump_json()) == plan
            assert index.retriever.run([plan])[0].hits


def test_diversity_and_a_cross_encoder_come_after(index: augury.Index) -> None:
    hits = search(index, "one", "exhaustive", diversity=0.5).hits
    assert all(hit.explanation.diversified for hit in hits)
    assert {hit.doc_id for hit in hits} != {hit.doc_id for hit in search(index, "one", "exhaustive").hits}
    with pytest.raises(QueryError, match="need not be reranked"):
        search(index, "one", "exhaustive", rerank=10)


def test_what_cannot_be_searched_says_so(index: augury.Index, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="starts from no branch"):
        search(index, "one", "exhaustive", branches=("dense",))
    plan = index.retriever.plan("one", augury.SearchOptions(by_qnet="gradient"))
    with pytest.raises(ValidationError, match="needs branches"):
        plan.model_validate({**plan.model_dump(), "branches": ()})
    with augury.open(tmp_path / "plain", dense=ExactDense(), sparse=ExactSparse()) as plain:
        plain.ingest(DOCUMENTS[:3])
        with pytest.raises(QueryError, match=r"no Hypencoder.*--hypencoder MODEL"):
            search(plain, "one", "gradient")
        with pytest.raises(QueryError, match="not the Hypencoder here"):
            plain.retriever.run([plan])
    with augury.open(
        tmp_path / "other", dense=ExactDense(), sparse=ExactSparse(), hypencoder=ExactReranker()
    ) as other:
        other.ingest(DOCUMENTS[:3])
        with pytest.raises(ModelError, match="makes no q-nets"):
            search(other, "one", "gradient")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fast", "none of exhaustive, neighbours, gradient"),
        ("exhaustive:rounds=2", "takes no settings"),
        ("neighbours:mean=0", "takes width, reach, rounds, random"),
        ("gradient:width=0", "width of gradient cannot be '0'"),
        ("gradient:width", "width of gradient cannot be ''"),
        ("gradient:width=1,width=2", "is no setting"),
    ],
)
def test_a_way_that_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        augury.SearchOptions(by_qnet=text)


def test_a_way_is_text_and_back() -> None:
    way = QNetWay.read(" Gradient: rounds=4, mean=off,width=8 ")
    assert (way.rounds, way.mean, way.text) == (4, False, "gradient:rounds=4,mean=0")
    assert QNetWay.read(way.text) == way
    assert augury.SearchOptions(by_qnet="neighbours:width=64").by_qnet == "neighbours"


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 40), st.sampled_from([-1.0, 0.0, 0.5, 2.0])))),
    st.integers(1, 9),
)
def test_the_best_are_those_of_all_together(rounds: list[list[tuple[int, float]]], keep: int) -> None:
    own: dict[int, float] = {}
    best = Best(keep, lambda record: int(record.id) % 7)
    for pairs in rounds:
        scored = [Scored(own.setdefault(point, score), Record(point)) for point, score in pairs]
        before = [each.record.id for each in best.ranked]
        added = best.add(scored)
        assert added == bool({each.record.id for each in best.ranked} - set(before))
    firsts: dict[int, int] = {}
    for point in sorted(own, key=lambda each: (-own[each], str(each))):
        firsts.setdefault(point % 7, point)
    assert [each.record.id for each in best.ranked] == list(firsts.values())[:keep]
