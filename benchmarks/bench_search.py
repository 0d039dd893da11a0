"""What an embedded search costs beyond the encoders' forward passes and the engine's call.

python benchmarks/bench_search.py [BEIR_FOLDER] [--documents 1000] [--queries 200] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import qdrant_edge as edge
import torch
from sentence_transformers import SentenceTransformer, SparseEncoder

import augury
from augury.connector.query.compile import QueryVectors, requests
from augury.connector.store.edge import EdgeStore
from augury.connector.store.edge_wire import to_query
from augury.evaluation.beir import load_queries
from augury.models.backbone import open_model
from augury.models.splade import pool_in_blocks
from augury.schemas.profile import ChunkProfile, Profile

DEFAULT = Path(os.environ.get("AUGURY_DATA", "../shared/data")) / "scifact"


def p50_ms(calls: dict[str, Callable[[str], object]], queries: list[str]) -> dict[str, float]:
    """The median milliseconds of each call. They take turns, so that a busy moment hits all of them."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for query in queries:
        for name, call in calls.items():
            started = time.perf_counter()
            call(query)
            spent[name].append(time.perf_counter() - started)
    return {name: 1000 * statistics.median(times) for name, times in spent.items()}


def bare_engine(index: augury.Index, queries: list[str]) -> Callable[[str], object]:
    """The engine's own call for a query's branches, with everything before and after it left out."""
    dense, sparse = index.models.dense, index.models.sparse
    assert isinstance(index.store, EdgeStore) and sparse is not None
    shard = index.store._shard  # what the store wraps is what is measured here
    assert shard is not None
    planner, built = augury.QueryPlanner(), {}
    for query in queries:
        vectors = QueryVectors(dense.encode_queries([query])[0], sparse.encode_queries([query])[0])
        plan = planner.plan(query, index.profile, augury.SearchOptions())
        asked = requests(plan, index.profile, vectors)
        built[query] = edge.QueryBatchRequest([to_query(request, lambda _: None) for request in asked])
    return lambda query: shard.query_batch(built[query])


def bare_forward(model: SentenceTransformer | SparseEncoder) -> Callable[[str], object]:
    """Tokenizer and forward pass of an encoder's model, and nothing around them."""

    def run(query: str) -> object:
        with torch.inference_mode():
            return model(model.preprocess([query]), task="query")

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", default=str(DEFAULT))
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    queries = list(load_queries(Path(arguments.folder)).values())[: arguments.queries]
    documents = islice(augury.open_source(arguments.folder), arguments.documents)
    profile = Profile(chunk=ChunkProfile(mode="none"))
    with (
        tempfile.TemporaryDirectory() as folder,
        augury.open(Path(folder) / "index", profile=profile) as index,
    ):
        index.ingest(documents)
        assert index.profile.sparse is not None
        dense, _ = open_model(SentenceTransformer, index.profile.dense.model, None, None)
        sparse, _ = open_model(SparseEncoder, index.profile.sparse.model, None, None)
        pool_in_blocks(sparse)
        found = p50_ms(
            {
                "dense_forward": bare_forward(dense),
                "sparse_forward": bare_forward(sparse),
                "engine": bare_engine(index, queries),
                "search": index.retriever.search,
            },
            queries,
        )
    result = {f"{name}_p50_ms": round(spent, 2) for name, spent in found.items()}
    bare = found["dense_forward"] + found["sparse_forward"] + found["engine"]
    result |= {"documents": arguments.documents, "ratio": round(found["search"] / bare, 3)}
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:<20}{value}")


if __name__ == "__main__":
    main()
