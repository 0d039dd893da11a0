"""The collections that other tools wrote (``tests/data/adopt``), loaded into qdrant-client's local mode."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qdrant_client import QdrantClient, models

FOLDER = Path(__file__).parents[2] / "data" / "adopt"
TOOLS = ("langchain", "llama-index", "haystack", "mcp")
COLLECTION = "kb"


def dump(tool: str) -> dict[str, Any]:
    """What the tool wrote."""
    loaded: dict[str, Any] = json.loads((FOLDER / f"{tool}.json").read_text(encoding="utf-8"))
    return loaded


def load(client: QdrantClient, tool: str, collection: str = COLLECTION) -> None:
    """Make the collection as the tool did."""
    given = dump(tool)
    vectors = given["vectors"]
    config: Any = (
        models.VectorParams(**vectors)
        if "size" in vectors
        else {name: models.VectorParams(**each) for name, each in vectors.items()}
    )
    client.create_collection(collection, vectors_config=config, metadata={"theirs": 1})
    client.upsert(collection, [models.PointStruct(**point) for point in given["points"]])


def everything(client: QdrantClient, collection: str = COLLECTION) -> dict[str, Any]:
    """All that can be read of a collection, to compare it before and after.

    Adding a named vector beside an unnamed one makes the engine list that under the empty name, for good;
    both ways of writing it mean the same.
    """
    info = client.get_collection(collection)
    vectors = info.config.params.vectors
    points, _ = client.scroll(collection, limit=10_000, with_payload=True, with_vectors=True)
    return {
        "vectors": {"": vectors} if isinstance(vectors, models.VectorParams) else dict(vectors or {}),
        "sparse": info.config.params.sparse_vectors or {},
        "metadata": info.config.metadata,
        "indexes": info.payload_schema,
        "points": {point.id: (point.payload, point.vector) for point in points},
    }
