"""The vectors that benchmarks share: a collection encoded once by Augury's encoders, and kept in a folder.

``prepare(collection, work)`` encodes what is not there yet; ``Encoded(folder)`` reads it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np

import augury
from augury.evaluation.beir import load_qrels, load_queries
from augury.evaluation.qrels_file import Qrels
from augury.schemas.document import encoder_text
from augury.schemas.points import FloatArray, SparseVector

DENSE, SPARSE = "starter:minilm", "starter:splade-tiny"
_WINDOW = 256
_DONE = "encoded.json"


def prepare(collection: str, work: Path, most: int | None = None) -> Path:
    """The folder with the vectors of ``FOLDER:SPLIT`` and its judged queries, made if it is not there."""
    folder, _, split = collection.rpartition(":")
    target = work / f"{Path(folder).name}-{split}-{most or 'all'}"
    if (target / _DONE).exists():
        return target
    from augury.models.dense import load_dense
    from augury.models.sparse import load_sparse

    target.mkdir(parents=True, exist_ok=True)
    source = islice(augury.open_source(folder), most)
    documents = [item for item in source if isinstance(item, augury.Document) and (item.text or item.title)]
    qrels, texts = load_qrels(Path(folder), split), load_queries(Path(folder))
    passages = [encoder_text(document.title, document.text) for document in documents]
    queries = [texts[query] for query in qrels]
    dense, sparse = load_dense(DENSE), load_sparse(SPARSE)
    dense.encode_queries(queries[:8])
    sparse.encode_queries(queries[:8])
    seconds = {"dense": 0.0, "sparse": 0.0}
    vectors: list[FloatArray] = []
    terms: list[SparseVector] = []
    for start in range(0, len(passages), _WINDOW):
        window, began = passages[start : start + _WINDOW], time.perf_counter()
        vectors.append(dense.encode_documents(window))
        between = time.perf_counter()
        terms += sparse.encode_documents(window)
        seconds["dense"] += between - began
        seconds["sparse"] += time.perf_counter() - between
    query_ms: dict[str, list[float]] = {"dense": [], "sparse": []}
    query_vectors: list[FloatArray] = []
    query_terms: list[SparseVector] = []
    for query in queries:
        began = time.perf_counter()
        query_vectors.append(dense.encode_queries([query]))
        between = time.perf_counter()
        query_terms += sparse.encode_queries([query])
        query_ms["dense"].append(1e3 * (between - began))
        query_ms["sparse"].append(1e3 * (time.perf_counter() - between))
    np.save(target / "dense.npy", np.concatenate(vectors))
    np.save(target / "queries.npy", np.concatenate(query_vectors))
    _save(target / "sparse.npz", terms)
    _save(target / "queries.npz", query_terms)
    (target / "texts.json").write_text(
        json.dumps({"ids": [document.id for document in documents], "passages": passages, "queries": queries})
    )
    (target / _DONE).write_text(
        json.dumps({"collection": collection, "seconds": seconds, "query_ms": query_ms})
    )
    return target


class Encoded:
    """A prepared collection. Parts are read when asked for, so that each peer holds what it needs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        found = json.loads((folder / _DONE).read_text())
        self.collection: str = found["collection"]
        self.seconds: dict[str, float] = found["seconds"]
        self.query_ms: dict[str, list[float]] = found["query_ms"]

    @cached_property
    def _texts(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = json.loads((self._folder / "texts.json").read_text())
        return found

    @property
    def ids(self) -> list[str]:
        """The documents' ids."""
        return self._texts["ids"]

    @property
    def passages(self) -> list[str]:
        """Title and text of each document."""
        return self._texts["passages"]

    @property
    def queries(self) -> list[str]:
        """The text of each judged query, in the order of ``qrels``."""
        return self._texts["queries"]

    @cached_property
    def qrels(self) -> Qrels:
        """The judgements."""
        folder, _, split = self.collection.rpartition(":")
        return load_qrels(Path(folder), split)

    @cached_property
    def dense(self) -> FloatArray:
        """(documents, dim) unit vectors."""
        return _loaded(self._folder / "dense.npy")

    @cached_property
    def query_dense(self) -> FloatArray:
        """(queries, dim) unit vectors."""
        return _loaded(self._folder / "queries.npy")

    @cached_property
    def sparse(self) -> list[SparseVector]:
        """SPLADE's weights of each document."""
        return _load(self._folder / "sparse.npz")

    @cached_property
    def query_sparse(self) -> list[SparseVector]:
        """SPLADE's weights of each query."""
        return _load(self._folder / "queries.npz")


def _loaded(path: Path) -> FloatArray:
    found: FloatArray = np.load(path)
    return found


def _save(path: Path, vectors: Sequence[SparseVector]) -> None:
    np.savez(
        path,
        ends=np.cumsum([len(vector.indices) for vector in vectors]),
        indices=np.concatenate([vector.indices for vector in vectors]),
        values=np.concatenate([vector.values for vector in vectors]),
    )


def _load(path: Path) -> list[SparseVector]:
    with np.load(path) as found:
        ends = found["ends"][:-1]
        parts = zip(np.split(found["indices"], ends), np.split(found["values"], ends), strict=True)
        return [SparseVector(indices, values) for indices, values in parts]
