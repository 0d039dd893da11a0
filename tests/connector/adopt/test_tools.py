"""Where the tools are installed: what they wrote is still read by them after Augury was attached to it.

They are no dependency of the tests. In an environment of their own::

    pip install langchain-qdrant llama-index-vector-stores-qdrant qdrant-haystack mcp-server-qdrant
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from qdrant_client import AsyncQdrantClient, QdrantClient, models

import augury
from tests.connector.adopt.dumps import COLLECTION, load
from tests.hashing import DIM, HashingDense, HashingSparse

QUERY = "mortar softer than the brick"
FOUND = "Old brick walls"

pytestmark = pytest.mark.filterwarnings("default")  # those of other packages


def vector() -> list[float]:
    return [float(number) for number in HashingDense().encode_queries([QUERY])[0]]


def needs(module: str) -> Any:
    return pytest.importorskip(module, reason=f"{module} is not installed")


def by_langchain(client: QdrantClient) -> str:
    tool = needs("langchain_qdrant")
    embeddings = importlib.import_module("langchain_core.embeddings").Embeddings

    class Hashing(embeddings):  # type: ignore[misc, valid-type]
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [vector() for _ in texts]

        def embed_query(self, text: str) -> list[float]:
            return vector()

    store = tool.QdrantVectorStore(client=client, collection_name=COLLECTION, embedding=Hashing())
    return str(store.similarity_search(QUERY, k=1)[0].page_content)


def by_llama_index(client: QdrantClient) -> str:
    tool = needs("llama_index.vector_stores.qdrant")
    query = importlib.import_module("llama_index.core.vector_stores").VectorStoreQuery
    store = tool.QdrantVectorStore(collection_name=COLLECTION, client=client)
    found = store.query(query(query_embedding=vector(), similarity_top_k=1))
    return str(found.nodes[0].get_content())


def by_haystack(client: QdrantClient) -> str:
    tool = needs("haystack_integrations.document_stores.qdrant")
    store = tool.QdrantDocumentStore(":memory:", index=COLLECTION, embedding_dim=DIM)
    store._client = client
    store._set_up_collection(COLLECTION, DIM, False, "cosine", False, False, None)
    return str(store._query_by_embedding(vector(), top_k=1)[0].content)


def by_mcp(client: QdrantClient) -> str:
    tool = needs("mcp_server_qdrant.qdrant")
    base = importlib.import_module("mcp_server_qdrant.embeddings.base").EmbeddingProvider

    class Hashing(base):  # type: ignore[misc, valid-type]
        async def embed_documents(self, documents: list[str]) -> list[list[float]]:
            return [vector() for _ in documents]

        async def embed_query(self, query: str) -> list[float]:
            return vector()

        def get_vector_name(self) -> str:
            return "fast-hashing"

        def get_vector_size(self) -> int:
            return DIM

    async def search() -> str:
        connector = tool.QdrantConnector(":memory:", None, COLLECTION, Hashing())
        await copied(client, connector._client)  # it searches through an asynchronous client
        return str((await connector.search(QUERY, limit=1))[0].content)

    return asyncio.run(search())


async def copied(source: QdrantClient, target: AsyncQdrantClient) -> None:
    params = source.get_collection(COLLECTION).config.params
    await target.create_collection(
        COLLECTION, vectors_config=params.vectors, sparse_vectors_config=params.sparse_vectors
    )
    points, _ = source.scroll(COLLECTION, limit=1000, with_vectors=True)
    given: list[Any] = [vars(point) for point in points]
    await target.upsert(
        COLLECTION,
        [models.PointStruct(id=each["id"], vector=each["vector"], payload=each["payload"]) for each in given],
    )


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    client = QdrantClient(location=":memory:")
    yield client
    client.close()


@pytest.mark.parametrize(
    ("tool", "read", "in_place"),
    [
        ("langchain", by_langchain, None),
        ("langchain", by_langchain, True),
        ("llama-index", by_llama_index, None),
        ("llama-index", by_llama_index, True),
        ("haystack", by_haystack, None),  # in place it would refuse the collection, hence the copy
        ("mcp", by_mcp, None),
    ],
)
def test_still_read_by_the_tool_that_wrote_it(
    client: QdrantClient, tool: str, read: Callable[[QdrantClient], str], in_place: bool | None
) -> None:
    load(client, tool)
    assert read(client).startswith(FOUND)
    index = augury.attach(client, COLLECTION, dense=HashingDense(), sparse=HashingSparse(), in_place=in_place)
    assert index.search(QUERY, limit=1)[0].text.startswith(FOUND)
    assert read(client).startswith(FOUND)
    augury.detach(client, COLLECTION)
    assert read(client).startswith(FOUND)
