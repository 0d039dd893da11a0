"""Retrievers on a client that the app already has: the same hits, clear refusals, and nothing closed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import AsyncQdrantClient, QdrantClient, models

import augury
from augury.connector.index import Index
from augury.connector.store.server import ServerStore
from augury.connector.store.server_storage import to_creation
from augury.connector.store.server_wire import to_point
from augury.errors import (
    FilterError,
    IndexNotFound,
    IndexUnfinished,
    ModelMismatch,
    StoreError,
    UsageError,
)
from augury.schemas.hit import Hit
from augury.schemas.points import Point
from augury.schemas.profile import Profile
from tests.exact import ExactCrossEncoder, ExactDense, ExactSparse, ScenarioList

QUERIES = [f"w{number % 7} end{number % 4}" for number in range(20)]
OWN: Any = {"dense": ExactDense(), "sparse": ExactSparse()}
VECTOR = models.VectorParams(size=2, distance=models.Distance.DOT)
ODD = augury.SearchOptions(filter=augury.where(["n>=10"]))
UNKNOWN = augury.SearchOptions(filter=augury.where(["nn=1"]))


class OtherDense(ExactDense):
    revision = "2"


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    """The app's client, with an index in its collection ``kb``."""
    client = QdrantClient(":memory:")
    index = Index("kb", ServerStore(client, "kb"), **OWN)
    documents = [
        augury.Document(id=f"d{n}", text=f"w{n % 7} text end{n % 4}", metadata={"n": n}) for n in range(40)
    ]
    index.ingest(documents, scenarios=ScenarioList({"d1": ["w1 need"]}))
    yield client
    client.close()


def expected(client: QdrantClient, options: augury.SearchOptions | None = None) -> list[list[Hit]]:
    index = Index("kb", ServerStore(client, "kb"), **OWN)
    return [index.retriever.search(query, options).hits for query in QUERIES]


async def awaited(client: QdrantClient) -> AsyncQdrantClient:
    """An awaited client with a copy of the collection: local mode keeps its data in the client."""
    copy = AsyncQdrantClient(":memory:")
    store = ServerStore(client, "kb")
    spec = Index("kb", store, **OWN).profile.collection()
    await copy.create_collection(
        "kb",
        **to_creation(spec),
        metadata={"augury": store.metadata(), "app": "its own"},
    )
    for records in store.scroll(vectors=(*spec.vectors, *spec.sparse)):
        await copy.upsert("kb", [to_point(Point(each.id, each.vectors, each.payload)) for each in records])
    return copy


def refold_began(profile: Profile) -> dict[str, Any]:
    return profile.model_copy(update={"refolding": 0.5}).model_dump(mode="json")


def test_the_same_hits_and_the_client_stays_open(client: QdrantClient) -> None:
    with augury.Retriever(client, "kb", **OWN) as retriever:
        assert [retriever.search(query).hits for query in QUERIES] == expected(client)
        assert [found.hits for found in retriever.search_batch(QUERIES, ODD)] == expected(client, ODD)
        assert "w1 need" in {hit.scenario.need for hit in retriever.search("w1").hits if hit.scenario}
    retriever.close()
    assert client.count("kb").count == 40
    assert retriever.search("w1").hits


def test_threads_share_a_retriever(client: QdrantClient) -> None:
    retriever = augury.Retriever(client, "kb", **OWN)
    with ThreadPoolExecutor(8) as threads:
        found = [result.hits for result in threads.map(retriever.search, QUERIES)]
    assert found == expected(client)


def test_an_awaited_client_gives_the_same_hits_and_stays_open(client: QdrantClient) -> None:
    async def search() -> list[Any]:
        own = await awaited(client)
        async with augury.AsyncRetriever(own, "kb", **OWN) as retriever:
            plain = await asyncio.gather(*map(retriever.search, QUERIES))
            narrow = await retriever.search_batch(QUERIES, ODD)
            with pytest.raises(FilterError, match=r"No passage has a field 'metadata\.nn'.*Did you mean n\?"):
                await retriever.search("w1", UNKNOWN)
        with pytest.raises(StoreError, match="was closed"):
            await retriever.search("w1")
        assert (await own.count("kb")).count == 40
        await own.close()
        return [plain, narrow]

    plain, narrow = asyncio.run(search())
    assert [result.hits for result in plain] == expected(client)
    assert [result.hits for result in narrow] == expected(client, ODD)


def test_first_searches_make_an_async_retriever_once(client: QdrantClient) -> None:
    loaded: list[str] = []

    def noted(profile: Profile) -> Profile:
        loaded.append("made")
        return profile

    async def search() -> None:
        own = await awaited(client)
        retriever = augury.AsyncRetriever(own, "kb", profile=noted, **OWN)
        assert all(result.hits for result in await asyncio.gather(*map(retriever.search, QUERIES)))
        await retriever.close()

    asyncio.run(search())
    assert loaded == ["made"]


def test_options_of_ones_own(client: QdrantClient, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text('[synonyms]\nabc = ["w3"]\n', encoding="utf-8")
    retriever = augury.Retriever(
        client, "kb", cross_encoder=ExactCrossEncoder(), rules=tmp_path / "rules.toml", **OWN
    )
    options = augury.SearchOptions(rerank=5, reranker="cross-encoder", expand="rules")
    result = retriever.search("abc", options)
    assert result.hits[0].explanation.reranked
    assert result.expansion is not None and "w3" in result.expansion.rules


def test_what_is_refused(client: QdrantClient) -> None:
    with pytest.raises(IndexNotFound, match="There is no collection 'nothing' at this process"):
        augury.Retriever(client, "nothing")
    client.create_collection("theirs", vectors_config=VECTOR)
    with pytest.raises(IndexNotFound, match=r"'theirs' at this process is there, but .*augury attach"):
        augury.Retriever(client, "theirs")
    with pytest.raises(ModelMismatch, match="'kb' at this process was made with revision 1"):
        augury.Retriever(client, "kb", dense=OtherDense(), sparse=ExactSparse())
    with pytest.raises(UsageError, match="alpha"):
        augury.Retriever(client, "kb", profile=changed_alpha, **OWN)
    store = ServerStore(client, "kb")
    store.set_metadata(refold_began(Profile.model_validate(store.metadata())))
    with pytest.raises(IndexUnfinished, match=r"augury refold INDEX --alpha 0\.5"):
        augury.Retriever(client, "kb", **OWN)
    assert client.count("kb").count == 40


def test_what_an_async_retriever_refuses() -> None:
    async def ask() -> None:
        own = AsyncQdrantClient(":memory:")
        with pytest.raises(IndexNotFound, match="There is no collection 'kb'"):
            async with augury.AsyncRetriever(own, "kb"):
                raise AssertionError("entered")
        await own.create_collection("kb", vectors_config=VECTOR)
        retriever = augury.AsyncRetriever(own, "kb")
        for _ in range(2):  # and again: a collection may be attached in the meantime
            with pytest.raises(IndexNotFound, match="augury attach"):
                await retriever.search("w1")
        await retriever.close()
        assert await own.collection_exists("kb")
        await own.close()

    asyncio.run(ask())


def test_clients_of_the_other_kind() -> None:
    sync: Any = QdrantClient(":memory:")
    beside: Any = AsyncQdrantClient(":memory:")
    with pytest.raises(UsageError, match=r"given AsyncQdrantClient\. Use augury\.AsyncRetriever"):
        augury.Retriever(beside, "kb")
    with pytest.raises(UsageError, match=r"given QdrantClient\. Use augury\.Retriever"):
        augury.AsyncRetriever(sync, "kb")
    sync.close()
    asyncio.run(beside.close())


def changed_alpha(profile: Profile) -> Profile:
    scenarios = profile.scenarios.model_copy(update={"alpha": 0.9})
    return profile.model_copy(update={"scenarios": scenarios})
