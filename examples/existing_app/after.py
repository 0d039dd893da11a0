"""The same help centre, searched through Augury."""

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from qdrant_client import QdrantClient, models
from sentence_transformers import SentenceTransformer

import augury
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

augury.attach(client, "kb", text_field="text", id_field="slug", scenarios=SAMPLE / "scenarios.jsonl")
retriever = augury.Retriever(client, "kb")
options = augury.SearchOptions(limit=3, branches=("scenarios",))

app = FastAPI(title="Help centre")


@app.get("/search")
def search(q: str) -> list[dict[str, Any]]:
    """The articles that answer a question."""
    hits = retriever.search(q, options).hits
    return [{"slug": hit.doc_id, "title": hit.title, "why": hit.scenario} for hit in hits]
