"""Where the tests of a re-index make their indexes, and the encoders that count what they encode."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from qdrant_client import QdrantClient

import augury
from augury.connector.store.base import Store
from augury.connector.store.edge import EdgeStore
from augury.connector.store.server import ServerStore
from augury.schemas.points import FloatArray, SparseVector
from augury.schemas.profile import Profile, ScenarioProfile
from tests.faults.test_kill import Contents
from tests.hashing import HashingDense, HashingSparse


class CountingDense(HashingDense):
    """Counts its texts. ``turned`` makes another model of the same width."""

    def __init__(self, name: str = "hashing-dense", revision: str = "1", *, turned: bool = False) -> None:
        self.name, self.revision = name, revision
        self.encoded: list[str] = []
        self._turned = turned

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        self.encoded.extend(texts)
        return self.encode_queries(texts)

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        found = super().encode_documents(texts)
        return np.ascontiguousarray(found[:, ::-1]) if self._turned else found


class CountingSparse(HashingSparse):
    """Counts its texts."""

    def __init__(self, name: str = "hashing-sparse", revision: str = "1") -> None:
        self.name, self.revision = name, revision
        self.encoded: list[str] = []

    def encode_documents(self, texts: Sequence[str]) -> list[SparseVector]:
        self.encoded.extend(texts)
        return super().encode_documents(texts)


class Blind(CountingDense):
    """Gives every text the same vector, so that no search finds anything."""

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        return np.tile(super().encode_queries(["all alike"]), (len(texts), 1))


class Place:
    """One engine: opens indexes by name, and again by the same name."""

    def __init__(self, folder: Path, client: QdrantClient | None) -> None:
        self._folder = folder
        self.client = client
        self.name = f"kb-{uuid.uuid4().hex[:8]}"

    @property
    def alias(self) -> str:
        """What an index on a server is called by."""
        return f"{self.name}-live" if self.client else ""

    def store(self, name: str = "") -> Store:
        name = name or self.name
        return ServerStore(self.client, name) if self.client else EdgeStore(self._folder / name, create=True)

    def open(self, name: str = "", **options: Any) -> augury.Index:
        """The index by its first name, or another."""
        options = {"dense": CountingDense(), "sparse": CountingSparse(), **options}
        name = name or self.name
        where = name if self.client else str(self._folder / name)
        return augury.Index(where, self.store(name), **options)

    def drop(self) -> None:
        if self.client:
            for each in self.client.get_collections().collections:
                if each.name.startswith(self.name):
                    self.client.delete_collection(each.name)


def unfloored(**changes: Any) -> Profile:
    """Hashes know of no likeness, so no scenario is dropped."""
    return Profile(scenarios=ScenarioProfile(floor=-1), **changes)


def documents(count: int, *, edition: int = 1, tenants: bool = False) -> list[augury.Document]:
    return [
        augury.Document(
            id=f"d{i}",
            title=f"Heading {i} of subject{i % 11}",
            text=f"Passage{i} speaks of thing{i * 7 % 29}, in edition {edition if i % 3 == 0 else 1}. "
            "Then it ends.",
            metadata={"n": i, "even": i % 2 == 0, **({"customer": f"c{i % 2}"} if tenants else {})},
        )
        for i in range(count)
    ]


def scenario_file(folder: Path, count: int) -> Path:
    path = folder / "scenarios.jsonl"
    lines = [
        {"doc_id": f"d{i}", "explanation": [{"information_need": f"need{j} for {i}"} for j in range(i % 4)]}
        for i in range(count)
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return path


def contents(index: augury.Index) -> Contents:
    """Every point: payload and vectors."""
    names = tuple(index.store.info().vectors)
    return {
        str(record.id): (record.payload, dict(record.vectors))
        for records in index.store.scroll(vectors=names)
        for record in records
    }
