"""The systems that ``bench_peers.py`` compares: built from the same vectors, asked by the query's number."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

import augury
from augury.schemas.points import FloatArray, SparseVector
from augury.schemas.profile import BranchName, ChunkProfile, FusionKind, Profile, SparseProfile
from benchmarks.encoded import DENSE, SPARSE, Encoded

TOP, CANDIDATES, RRF_K = 10, 100, 60
_BATCH = 256
Found = dict[str, float]
Encoder = Literal["dense", "sparse"]


@dataclass(frozen=True)
class Ready:
    """A system that answers: ``search(3)`` gives the documents of query 3 with their scores."""

    search: Callable[[int], Found]
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class System:
    """How a system is built, which of the shared data it reads, and whose encoders' time is its own."""

    build: Callable[[Encoded, Path], Ready]
    needs: tuple[str, ...]
    encoders: tuple[Encoder, ...]
    modules: tuple[str, ...] = ()

    def load(self) -> None:
        """Import its libraries, so that their memory can be told from the data's."""
        for module in self.modules:
            importlib.import_module(module)


class Replay:
    """An encoder that hands out what was encoded before: ``Replay(name, texts, vectors)``."""

    revision, idf = "encoded before", False

    def __init__(self, name: str, texts: Sequence[str], vectors: Sequence[Any]) -> None:
        self.name = name
        self._vectors = dict(zip(texts, vectors, strict=True))

    @property
    def dim(self) -> int:
        """Numbers of a dense vector."""
        return len(next(iter(self._vectors.values())))

    def encode_documents(self, texts: Sequence[str]) -> Any:
        """The vectors of these texts."""
        return [self._vectors[text] for text in texts]

    encode_queries = encode_documents


class ReplayDense(Replay):
    """The same in one array."""

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        """(texts, dim)."""
        return np.stack([self._vectors[text] for text in texts])

    encode_queries = encode_documents


def build_augury(
    data: Encoded,
    folder: Path,
    *,
    branches: tuple[BranchName, ...],
    fusion: FusionKind | None = None,
    weights: dict[BranchName, float] | None = None,
    bm25: bool = False,
) -> Ready:
    """Augury's whole ingest and search, but for the encoders' work."""
    texts = [*data.passages, *data.queries]
    profile = SparseProfile(model="bm25" if bm25 else SPARSE) if "sparse" in branches else None
    splade = profile is not None and not bm25
    index = augury.open(
        folder / "index",
        profile=Profile(chunk=ChunkProfile(mode="none"), sparse=profile),
        dense=ReplayDense(DENSE, texts, [*data.dense, *data.query_dense]),
        sparse=Replay(SPARSE, texts, [*data.sparse, *data.query_sparse]) if splade else None,
    )
    index.ingest(
        augury.Document(id=name, text=text) for name, text in zip(data.ids, data.passages, strict=True)
    )
    options = augury.SearchOptions(branches=branches, fusion=fusion, weights=weights, limit=TOP)
    queries = data.queries

    def search(query: int) -> Found:
        hits = index.retriever.search(queries[query], options).hits
        return {hit.doc_id: hit.score for hit in hits}

    index.retriever  # noqa: B018 - made once, as an app would
    return Ready(search, index.close)


def build_local(data: Encoded, folder: Path, *, hybrid: bool, on_disk: bool) -> Ready:
    """qdrant-client's local mode, in memory or on disk."""
    from qdrant_client import QdrantClient, models

    client = QdrantClient(path=str(folder / "local")) if on_disk else QdrantClient(":memory:")
    client.create_collection(
        "peer",
        {"dense": models.VectorParams(size=data.dense.shape[1], distance=models.Distance.COSINE)},
        sparse_vectors_config={"sparse": models.SparseVectorParams()} if hybrid else None,
    )

    def sparse(vector: SparseVector) -> models.SparseVector:
        return models.SparseVector(indices=vector.indices.tolist(), values=vector.values.tolist())

    def points() -> Iterator[models.PointStruct]:
        for number, (name, text, vector) in enumerate(zip(data.ids, data.passages, data.dense, strict=True)):
            vectors: dict[str, Any] = {"dense": vector.tolist()}
            if hybrid:
                vectors["sparse"] = sparse(data.sparse[number])
            yield models.PointStruct(id=number, vector=vectors, payload={"doc_id": name, "text": text})

    waiting: list[models.PointStruct] = []
    for point in points():
        waiting.append(point)
        if len(waiting) == _BATCH:
            client.upsert("peer", waiting)
            waiting = []
    if waiting:
        client.upsert("peer", waiting)

    def search(query: int) -> Found:
        vector = data.query_dense[query].tolist()
        if not hybrid:
            found = client.query_points("peer", query=vector, using="dense", limit=TOP)
        else:
            terms = sparse(data.query_sparse[query])
            found = client.query_points(
                "peer",
                prefetch=[
                    models.Prefetch(query=vector, using="dense", limit=CANDIDATES),
                    models.Prefetch(query=terms, using="sparse", limit=CANDIDATES),
                ],
                query=models.RrfQuery(rrf=models.Rrf(k=RRF_K)),
                limit=TOP,
            )
        return {str((point.payload or {})["doc_id"]): point.score for point in found.points}

    return Ready(search, client.close)


def build_bm25s(data: Encoded, folder: Path) -> Ready:
    """bm25s as its page shows it: English stop words, Snowball stems, Lucene's variant."""
    import bm25s
    import Stemmer

    stemmer = Stemmer.Stemmer("english")
    tokenize = partial(bm25s.tokenize, stopwords="en", stemmer=stemmer, show_progress=False)
    peer = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    peer.index(tokenize(data.passages), show_progress=False)
    ids, queries = data.ids, data.queries

    def search(query: int) -> Found:
        found, scores = peer.retrieve(tokenize(queries[query]), k=min(TOP, len(ids)), show_progress=False)
        return {ids[place]: float(score) for place, score in zip(found[0], scores[0], strict=True)}

    return Ready(search)


def build_numpy(data: Encoded, folder: Path) -> Ready:
    """One product with all vectors, and the best ten of it."""
    vectors, queries, ids = np.ascontiguousarray(data.dense), data.query_dense, data.ids

    def search(query: int) -> Found:
        scores = vectors @ queries[query]
        best = np.argpartition(-scores, min(TOP, len(ids) - 1))[:TOP]
        return {ids[place]: float(scores[place]) for place in best}

    return Ready(search)


def build_semantic_search(data: Encoded, folder: Path) -> Ready:
    """sentence-transformers' own exact search over one tensor."""
    import torch
    from sentence_transformers import util

    vectors, queries, ids = torch.from_numpy(data.dense), torch.from_numpy(data.query_dense), data.ids

    def search(query: int) -> Found:
        found = util.semantic_search(queries[query], vectors, top_k=TOP, score_function=util.dot_score)
        return {ids[int(hit["corpus_id"])]: float(hit["score"]) for hit in found[0]}

    return Ready(search)


_VECTORS = ("ids", "queries", "dense", "query_dense")
_TEXTS = (*_VECTORS, "passages")
_BOTH = (*_TEXTS, "sparse", "query_sparse")
_EMBEDDED = ("augury.connector.index", "augury.connector.store.edge")
SYSTEMS: dict[str, System] = {
    "Augury, dense": System(partial(build_augury, branches=("dense",)), _TEXTS, ("dense",), _EMBEDDED),
    "Augury, dense + sparse, RRF": System(
        partial(
            build_augury, branches=("dense", "sparse"), fusion="rrf", weights={"dense": 1.0, "sparse": 1.0}
        ),
        _BOTH,
        ("dense", "sparse"),
        _EMBEDDED,
    ),
    "Augury, its default": System(
        partial(build_augury, branches=("scenarios", "sparse")), _BOTH, ("dense", "sparse"), _EMBEDDED
    ),
    "Augury, BM25": System(partial(build_augury, branches=("sparse",), bm25=True), _TEXTS, (), _EMBEDDED),
    **{
        f"qdrant-client {place}, {kind}": System(
            partial(build_local, hybrid=kind != "dense", on_disk=place == "path="),
            _TEXTS if kind == "dense" else _BOTH,
            ("dense",) if kind == "dense" else ("dense", "sparse"),
            ("qdrant_client",),
        )
        for place in (":memory:", "path=")
        for kind in ("dense", "dense + sparse, RRF")
    },
    "bm25s": System(build_bm25s, ("ids", "passages", "queries"), (), ("bm25s", "Stemmer")),
    "numpy, exact": System(build_numpy, _VECTORS, ("dense",)),
    "sentence-transformers semantic_search": System(
        build_semantic_search, _VECTORS, ("dense",), ("sentence_transformers",)
    ),
}
"""By the name that the table gives them."""
