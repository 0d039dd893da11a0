"""Searching beside an event loop: the same hits, in few calls, without stopping the loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qdrant_client import AsyncQdrantClient, models

import augury
from augury.connector.store.async_server import AsyncServerStore
from augury.connector.store.server import ServerStore
from augury.connector.store.server_storage import to_creation
from augury.connector.store.server_wire import to_point
from augury.errors import (
    FilterError,
    IndexNotFound,
    ModelOutputError,
    QueryError,
    StoreError,
    UsageError,
)
from augury.schemas.points import FloatArray, Nearest, Point, SearchRequest
from augury.schemas.profile import HypencoderProfile, Profile, RerankProfile
from tests.exact import ExactDense, ExactReranker, ExactSparse, ScenarioList

QUERIES = [f"w{number % 7} end{number % 4}" for number in range(32)]
DOCUMENTS = [
    augury.Document(id=f"d{number}", text=f"w{number % 7} text end{number % 4}", metadata={"n": number})
    for number in range(50)
]
PROFILE = Profile(hypencoder=HypencoderProfile(model=""), rerank=RerankProfile(by="hypencoder", depth=20))


class CountingDense(ExactDense):
    """Remembers how many queries came at a time, and in which thread."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.threads: set[int] = set()
        self.slow_s = 0.0

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        self.calls.append(len(texts))
        self.threads.add(threading.get_ident())
        time.sleep(self.slow_s)
        if "unusable" in texts:
            raise ModelOutputError("No usable vector", "Say it otherwise", positions=[0])
        return self.encode_documents(texts)


@pytest.fixture
def dense() -> CountingDense:
    return CountingDense()


@pytest.fixture(params=["edge", "memory"])
def index(request: pytest.FixtureRequest, tmp_path: Path, dense: CountingDense) -> Iterator[augury.Index]:
    where = tmp_path / "index" if request.param == "edge" else ":memory:"
    with augury.open(
        where, profile=PROFILE, dense=dense, sparse=ExactSparse(), hypencoder=ExactReranker()
    ) as opened:
        opened.ingest(DOCUMENTS, scenarios=ScenarioList({"d1": ["w3 need"]}))
        yield opened


def outcomes(results: Sequence[augury.SearchResult]) -> list[Any]:
    return [(result.query, result.hits, result.plan) for result in results]


def test_the_same_hits_as_one_after_the_other(index: augury.Index, dense: CountingDense) -> None:
    expected = [index.retriever.search(query) for query in QUERIES]
    dense.calls.clear()

    async def together() -> list[augury.SearchResult]:
        async with index.async_retriever() as retriever:
            return await asyncio.gather(*map(retriever.search, QUERIES))

    found = asyncio.run(together())
    assert outcomes(found) == outcomes(expected)
    assert sum(dense.calls) == len(QUERIES) and len(dense.calls) <= 3
    assert all({"encode", "search", "fetch", "rerank", "total"} == set(each.timings_ms) for each in found)
    assert index.retriever.search("w1").hits  # the index stays open


def test_the_loop_goes_on_while_models_work(index: augury.Index, dense: CountingDense) -> None:
    dense.slow_s = 0.3

    async def count_while_searching() -> int:
        async with index.async_retriever() as retriever:
            searching = asyncio.create_task(retriever.search("w1"))
            turns = 0
            while not searching.done():
                await asyncio.sleep(0.001)
                turns += 1
            return turns

    assert asyncio.run(count_while_searching()) > 20
    assert threading.get_ident() not in dense.threads


def test_a_bad_query_costs_no_other(index: augury.Index) -> None:
    queries = ["w1", "unusable", "w2", " "]
    wrong_field = augury.SearchOptions(filter=augury.where(["nn=1"]))

    async def together() -> list[Any]:
        async with index.async_retriever() as retriever:
            searches = [*map(retriever.search, queries), retriever.search("w1", wrong_field)]
            return await asyncio.gather(*searches, return_exceptions=True)

    first, unusable, second, empty, unknown = asyncio.run(together())
    assert first.hits == index.retriever.search("w1").hits
    assert second.hits == index.retriever.search("w2").hits
    assert isinstance(unusable, ModelOutputError)
    assert isinstance(empty, QueryError)
    assert isinstance(unknown, FilterError)


def test_a_search_that_is_cancelled_costs_no_other(index: augury.Index, dense: CountingDense) -> None:
    dense.slow_s = 0.05

    async def cancel_one() -> augury.SearchResult:
        async with index.async_retriever() as retriever:
            given_up, kept = (asyncio.create_task(retriever.search(query)) for query in ("w1", "w2"))
            await asyncio.sleep(0.01)
            given_up.cancel()
            with pytest.raises(asyncio.CancelledError):
                await given_up
            return await kept

    assert asyncio.run(cancel_one()).hits == index.retriever.search("w2").hits


def test_searches_that_were_given_up_are_not_computed(index: augury.Index, dense: CountingDense) -> None:
    dense.slow_s = 0.05

    async def give_up() -> augury.SearchResult:
        async with index.async_retriever() as retriever:
            first = asyncio.create_task(retriever.search("w1"))
            await asyncio.sleep(0.01)
            given_up = [asyncio.create_task(retriever.search("w2")) for _ in range(20)]
            await asyncio.sleep(0.01)
            for task in given_up:
                task.cancel()
            await first
            return await retriever.search("w3")

    assert asyncio.run(give_up()).hits
    assert sum(dense.calls) == 2


def test_what_waits_ends_when_it_is_closed(index: augury.Index, dense: CountingDense) -> None:
    dense.slow_s = 0.1

    async def close_while_searching() -> list[Any]:
        retriever = index.async_retriever()
        searches = [asyncio.create_task(retriever.search(query)) for query in QUERIES[:6]]
        await asyncio.sleep(0.02)
        await retriever.close()
        await retriever.close()
        late = asyncio.create_task(retriever.search("w1"))
        return await asyncio.gather(*searches, late, return_exceptions=True)

    for error in asyncio.run(close_while_searching()):
        assert isinstance(error, StoreError) and "was closed" in str(error)
    assert index.search("w1")


def test_one_event_loop_each(index: augury.Index) -> None:
    retriever = index.async_retriever()
    assert asyncio.run(retriever.search("w1")).hits
    with pytest.raises(StoreError, match="another event loop"):
        asyncio.run(retriever.search("w1"))
    asyncio.run(retriever.close())


def test_options_and_batches(index: augury.Index) -> None:
    options = augury.SearchOptions(limit=3, rerank=0, filter=augury.where(["n>=10"]))

    async def batch() -> list[augury.SearchResult]:
        async with index.async_retriever() as retriever:
            return await retriever.search_batch(QUERIES[:5], options)

    assert outcomes(asyncio.run(batch())) == outcomes(index.retriever.search_batch(QUERIES[:5], options))


async def copied(store: ServerStore, spec: Any) -> AsyncQdrantClient:
    """An awaited client with the same collection: local mode keeps its data in the client."""
    client = AsyncQdrantClient(location=":memory:")
    await client.create_collection("augury", **to_creation(spec))
    names = (*spec.vectors, *spec.sparse)
    for records in store.scroll(vectors=names):
        points = [to_point(Point(each.id, each.vectors, each.payload)) for each in records]
        await client.upsert("augury", points)
    return client


@pytest.mark.parametrize("index", ["memory"], indirect=True)
def test_an_awaited_client_finds_the_same(index: augury.Index, tmp_path: Path) -> None:
    assert isinstance(index.store, ServerStore)
    store = index.store
    with pytest.raises(UsageError, match="has no server"), augury.open(tmp_path / "edge") as embedded:
        embedded.store.awaitable(AsyncQdrantClient(location=":memory:"))
    options = augury.SearchOptions(
        filter={"must": [{"has_id": [store_id(index, "d1"), store_id(index, "d8")]}]}
    )

    async def search() -> tuple[list[augury.SearchResult], augury.SearchResult]:
        client = await copied(store, index.profile.collection())
        async with index.async_retriever(client) as retriever:
            found = await asyncio.gather(*map(retriever.search, QUERIES))
            narrow = await retriever.search("w1", options)
        assert (await client.count("augury")).count == len(DOCUMENTS)  # a client that was given stays open
        await client.close()
        return found, narrow

    found, narrow = asyncio.run(search())
    assert outcomes(found) == outcomes(index.retriever.search_batch(QUERIES))
    assert {hit.doc_id for hit in narrow.hits} == {"d1", "d8"}


def store_id(index: augury.Index, doc_id: str) -> str:
    return index.profile.point_id(doc_id, 0)


def test_an_awaited_store_speaks_as_the_other_does() -> None:
    async def ask() -> None:
        client = AsyncQdrantClient(location=":memory:")
        store = AsyncServerStore(client, "papers", owned=True)
        with pytest.raises(IndexNotFound, match="papers"):
            await store.vectors(["x"], [])
        await client.create_collection(
            "papers", vectors_config={"v": models.VectorParams(size=2, distance=models.Distance.DOT)}
        )
        nearest = Nearest(np.ones(3, np.float32), "v")
        with pytest.raises(QueryError, match="3 numbers, not 2"):
            await store.search_batch([SearchRequest(1, nearest)])
        assert await store.vectors(["no id"], ["v"]) == {}
        assert await store.search_batch([]) == []
        await store.close()
        await store.close()
        with pytest.raises(StoreError, match="closed"):
            await store.vectors([1], ["v"])

    asyncio.run(ask())
