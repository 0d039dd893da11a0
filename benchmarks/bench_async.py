"""Queries a second: one after the other, and 32 at once through ``AsyncRetriever``.

python benchmarks/bench_async.py [BEIR_FOLDER] [--documents 1000] [--queries 192] [--at-once 32] [--json]

An embedded index, so that everything runs on one machine. The parts of a search are timed too, one query at
a time and 32 together: what queries cannot share is what bounds the gain. ``ratio_of_one_batch``, that of a
synchronous batch of 32, is the most that sharing can give on these cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import augury
from augury.evaluation.beir import load_queries
from augury.schemas.profile import ChunkProfile, Profile

DEFAULT = Path(os.environ.get("AUGURY_DATA", "../shared/data")) / "scifact"
ROUNDS = 3


def alone(index: augury.Index, queries: Sequence[str]) -> float:
    """Queries a second, each begun when the one before has ended."""
    started = time.perf_counter()
    for query in queries:
        index.retriever.search(query)
    return len(queries) / (time.perf_counter() - started)


def at_once(index: augury.Index, queries: Sequence[str], most: int) -> tuple[float, list[float]]:
    """Queries a second with ``most`` under way at any time, and each one's milliseconds."""

    async def run() -> tuple[float, list[float]]:
        remaining, spent = iter(queries), []

        async def worker(retriever: augury.AsyncRetriever) -> None:
            for query in remaining:
                began = time.perf_counter()
                await retriever.search(query)
                spent.append(1000 * (time.perf_counter() - began))

        async with index.async_retriever() as retriever:
            started = time.perf_counter()
            await asyncio.gather(*(worker(retriever) for _ in range(most)))
            return len(queries) / (time.perf_counter() - started), spent

    return asyncio.run(run())


def milliseconds(call: Callable[[], object]) -> float:
    """The median of several calls."""
    spent = []
    for _ in range(9):
        started = time.perf_counter()
        call()
        spent.append(1000 * (time.perf_counter() - started))
    return statistics.median(spent)


def parts(index: augury.Index, queries: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Milliseconds a query of each part of a search: one query at a time, and all of ``queries`` together."""
    dense, sparse, retriever = index.models.dense, index.models.sparse, index.retriever
    assert sparse is not None
    calls: dict[str, Callable[[Sequence[str]], object]] = {
        "dense encoder": dense.encode_queries,
        "sparse encoder": sparse.encode_queries,
        "whole search": retriever.search_batch,
    }
    found = {
        name: (milliseconds(partial(call, queries[:1])), milliseconds(partial(call, queries)) / len(queries))
        for name, call in calls.items()
    }
    one, many = found["whole search"]
    shared = [found[name] for name in ("dense encoder", "sparse encoder")]
    found["engine, fusion and hits"] = (
        one - sum(pair[0] for pair in shared),
        many - sum(pair[1] for pair in shared),
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", default=str(DEFAULT))
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--queries", type=int, default=192)
    parser.add_argument("--at-once", type=int, default=32)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    queries = list(load_queries(Path(arguments.folder)).values())[: arguments.queries]
    profile = Profile(chunk=ChunkProfile(mode="none"))
    with (
        tempfile.TemporaryDirectory() as folder,
        augury.open(Path(folder) / "index", profile=profile) as index,
    ):
        index.ingest(islice(augury.open_source(arguments.folder), arguments.documents))
        index.retriever.search_batch(queries[:8])  # warm
        one, many, spent = [], [], []
        for _ in range(ROUNDS):  # in turns, so that a busy moment hits both
            one.append(alone(index, queries))
            rate, each = at_once(index, queries, arguments.at_once)
            many.append(rate)
            spent += each
        split = parts(index, queries[: arguments.at_once])
    result = {
        "one_after_the_other_qps": round(statistics.median(one), 1),
        f"{arguments.at_once}_at_once_qps": round(statistics.median(many), 1),
        "ratio": round(statistics.median(many) / statistics.median(one), 2),
        "ratio_of_one_batch": round(split["whole search"][0] / split["whole search"][1], 2),
        "p50_ms_at_once": round(statistics.median(spent), 1),
        "p95_ms_at_once": round(statistics.quantiles(spent, n=20)[-1], 1),
        "parts_ms_alone_and_together": {
            name: [round(value, 2) for value in pair] for name, pair in split.items()
        },
    }
    if arguments.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        if not isinstance(value, dict):
            print(f"{name:<28}{value}")
    for name, (before, after) in split.items():
        print(f"  {name:<26}{before:8.2f} ms alone {after:8.2f} ms a query together")


if __name__ == "__main__":
    main()
