"""Collections as other tools write them, dumped to one JSON file a tool.

Run it where the tools are installed, from the root of the repository::

    pip install langchain-qdrant llama-index-vector-stores-qdrant qdrant-haystack mcp-server-qdrant
    PYTHONPATH=. python tests/data/adopt/make.py

Each tool writes the same passages through its own public interface into qdrant-client's local mode, with
vectors that ``tests.hashing`` makes. A dump holds the collection's parameters and its points.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from qdrant_client import QdrantClient

from tests.hashing import DIM, HashingDense

HERE = Path(__file__).parent
COLLECTION = "kb"
PASSAGES = [
    (
        "Trap seals",
        "The bend under a shower holds water, and the water keeps the smell of the drain out.",
        2019,
    ),
    ("Sourdough", "A starter that is fed twice a day raises a loaf without any yeast from a shop.", 2020),
    ("Sundials", "The shadow of a gnomon tells the hour, but runs ahead of clocks in November.", 2021),
    ("Bicycle chains", "A chain that skips under load has stretched and wears the sprockets with it.", 2022),
    ("Tides", "Two high waters a day follow the moon, fifty minutes later every day.", 2023),
    ("Lime mortar", "Old brick walls need mortar that is softer than the brick, or the faces flake.", 2024),
]


def embedded(texts: list[str]) -> list[list[float]]:
    """One vector a text."""
    return [row.tolist() for row in HashingDense().encode_documents(texts)]


def langchain(client: QdrantClient) -> str:
    """LangChain's vector store, as its documentation makes it: one unnamed vector."""
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings
    from langchain_qdrant import QdrantVectorStore
    from qdrant_client.models import Distance, VectorParams

    class Hashing(Embeddings):  # type: ignore[misc, unused-ignore]
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return embedded(texts)

        def embed_query(self, text: str) -> list[float]:
            return embedded([text])[0]

    client.create_collection(COLLECTION, vectors_config=VectorParams(size=DIM, distance=Distance.COSINE))
    store = QdrantVectorStore(client=client, collection_name=COLLECTION, embedding=Hashing())
    store.add_documents(
        [
            Document(page_content=text, metadata={"title": title, "year": year, "source": f"{number}.txt"})
            for number, (title, text, year) in enumerate(PASSAGES)
        ],
        ids=[f"00000000-0000-4000-8000-{number:012}" for number in range(len(PASSAGES))],
    )
    return version("langchain-qdrant")


def llama_index(client: QdrantClient) -> str:
    """LlamaIndex's vector store: two nodes of each document."""
    from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
    from llama_index.vector_stores.qdrant import QdrantVectorStore

    store = QdrantVectorStore(collection_name=COLLECTION, client=client)
    nodes = []
    for number, (title, text, year) in enumerate(PASSAGES):
        node = TextNode(
            id_=f"00000000-0000-4000-8000-{number:012}",
            text=text,
            metadata={"title": title, "year": year},
            embedding=embedded([text])[0],
        )
        node.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=f"document-{number // 2}")
        nodes.append(node)
    store.add(nodes)
    return version("llama-index-vector-stores-qdrant")


def haystack(client: QdrantClient) -> str:
    """Haystack's document store."""
    from haystack import Document
    from haystack_integrations.document_stores.qdrant import QdrantDocumentStore

    store = QdrantDocumentStore(":memory:", index=COLLECTION, embedding_dim=DIM)
    store._client = client
    store._set_up_collection(COLLECTION, DIM, False, "cosine", False, False, None)
    store.write_documents(
        [
            Document(
                id=f"passage-{number}",
                content=text,
                meta={"title": title, "year": year},
                embedding=embedded([text])[0],
            )
            for number, (title, text, year) in enumerate(PASSAGES)
        ]
    )
    return version("qdrant-haystack")


def mcp(client: QdrantClient) -> str:
    """The memories of Qdrant's MCP server."""
    from mcp_server_qdrant.embeddings.base import EmbeddingProvider
    from mcp_server_qdrant.qdrant import Entry, QdrantConnector
    from qdrant_client.models import PointStruct

    class Hashing(EmbeddingProvider):  # type: ignore[misc, unused-ignore]
        async def embed_documents(self, documents: list[str]) -> list[list[float]]:
            return embedded(documents)

        async def embed_query(self, query: str) -> list[float]:
            return embedded([query])[0]

        def get_vector_name(self) -> str:
            return "fast-hashing"

        def get_vector_size(self) -> int:
            return DIM

    connector = QdrantConnector(":memory:", None, COLLECTION, Hashing())

    async def store() -> None:
        for title, text, year in PASSAGES:
            await connector.store(Entry(content=text, metadata={"title": title, "year": year}))
        theirs = connector._client  # it writes through an asynchronous client: what it wrote is copied
        info = await theirs.get_collection(COLLECTION)
        client.create_collection(COLLECTION, vectors_config=info.config.params.vectors)
        points, _ = await theirs.scroll(COLLECTION, limit=1000, with_vectors=True)
        for point in points:
            client.upsert(COLLECTION, [PointStruct(id=point.id, vector=point.vector, payload=point.payload)])

    asyncio.run(store())
    return version("mcp-server-qdrant")


TOOLS: dict[str, Callable[[QdrantClient], str]] = {
    "langchain": langchain,
    "llama-index": llama_index,
    "haystack": haystack,
    "mcp": mcp,
}


def dumped(tool: str) -> dict[str, Any]:
    """What the tool writes."""
    client = QdrantClient(location=":memory:")
    wrote = TOOLS[tool](client)
    info = client.get_collection(COLLECTION)
    points, _ = client.scroll(COLLECTION, limit=1000, with_payload=True, with_vectors=True)
    params = info.config.params.model_dump(mode="json", exclude_none=True)
    return {
        "tool": tool,
        "version": wrote,
        "vectors": params.get("vectors"),
        "sparse_vectors": params.get("sparse_vectors"),
        "points": [point.model_dump(mode="json", include={"id", "vector", "payload"}) for point in points],
    }


if __name__ == "__main__":
    for tool in TOOLS:
        text = json.dumps(dumped(tool), ensure_ascii=False, indent=1, sort_keys=True)
        (HERE / f"{tool}.json").write_text(text + "\n", encoding="utf-8")
        print(tool)
