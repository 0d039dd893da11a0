"""A help centre with a Qdrant collection and an embedding model of its own."""

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from qdrant_client import QdrantClient, models
from sentence_transformers import SentenceTransformer

from augury.models.resolve import resolve

SAMPLE = Path(__file__).parents[1] / "sample"

client = QdrantClient(":memory:")  # yours: QdrantClient(url="http://localhost:6333")
model = SentenceTransformer(str(resolve("starter:minilm").path))  # yours: any model
client.create_collection(
    "kb", vectors_config={"text": models.VectorParams(size=384, distance=models.Distance.COSINE)}
)
with (SAMPLE / "corpus.jsonl").open(encoding="utf-8") as lines:
    articles = [article for article in map(json.loads, lines) if article["subject"] == "household"]
for number, article in enumerate(articles):
    payload = {"slug": article["_id"], "title": article["title"], "text": article["text"]}
    vector = {"text": model.encode(f"{article['title']}\n{article['text']}").tolist()}
    client.upsert("kb", [models.PointStruct(id=number, vector=vector, payload=payload)])

app = FastAPI(title="Help centre")


@app.get("/search")
def search(q: str) -> list[dict[str, Any]]:
    """The articles that answer a question."""
    found = client.query_points("kb", query=model.encode(q).tolist(), using="text", limit=3).points
    payloads = [point.payload or {} for point in found]
    return [{"slug": payload["slug"], "title": payload["title"]} for payload in payloads]
