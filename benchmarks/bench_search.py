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

import augury
from augury.connector.query.compile import QueryVectors, requests
from augury.evaluation.beir import load_queries
from augury.schemas.profile import ChunkProfile, Profile

DEFAULT = Path(os.environ.get("AUGURY_DATA", "../shared/data")) / "scifact"


def p50_ms(call: Callable[[str], object], queries: list[str]) -> float:
    """The median milliseconds of one call."""
    spent = []
    for query in queries:
        started = time.perf_counter()
        call(query)
        spent.append(time.perf_counter() - started)
    return 1000 * statistics.median(spent)


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
        retriever = index.retriever
        dense, sparse, names = index.dense, index.sparse, index.profile.names
        assert sparse is not None
        options = augury.SearchOptions()
        planner = augury.QueryPlanner()
        encoded = {
            query: QueryVectors(dense.encode_queries([query])[0], sparse.encode_queries([query])[0])
            for query in queries
        }

        def engine(query: str) -> object:
            plan = planner.plan(query, index.profile, options)
            return index.store.search_batch(requests(plan, names, encoded[query]))

        encoders = p50_ms(
            lambda query: (dense.encode_queries([query]), sparse.encode_queries([query])), queries
        )
        call = p50_ms(engine, queries)
        search = p50_ms(lambda query: retriever.search(query, options), queries)
    result = {
        "documents": arguments.documents,
        "encoders_p50_ms": round(encoders, 2),
        "engine_p50_ms": round(call, 2),
        "search_p50_ms": round(search, 2),
        "ratio": round(search / (encoders + call), 3),
    }
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:<20}{value}")


if __name__ == "__main__":
    main()
