"""Searching by q-net alone: recall of the approximate ways against scoring every passage, and what they cost.

python -m benchmarks.bench_qnet_retrieval --hypencoder MODEL [BEIR_FOLDER] [--documents N] [--queries 50]
    [--reads own|dense] [--index FOLDER] [--way neighbours:random=1000 ...] [--json]

Recall is the share of the exhaustive search's best 10 (and 100) that a way finds, by the q-net's own scores:
whether they are relevant is for ``augury evaluate --by-qnet``. Searches go one after the other, for 100
passages each, in an embedded index, which compares every vector for each query of the engine. ``dense`` in
the table is the dense search alone, without a q-net: what the walks start from. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import augury
from augury.evaluation.beir import load_queries
from augury.models.hypencoder import load_hypencoder
from augury.schemas.profile import ChunkProfile, HypencoderProfile, Profile
from augury.schemas.qnet_search import QNetWork
from benchmarks.report import table

DEFAULT = Path(os.environ.get("AUGURY_DATA", "../shared/data")) / "scifact"
EXHAUSTIVE = "exhaustive"
DENSE = "dense"
WAYS = (
    "neighbours",
    "neighbours:width=328,rounds=20",
    "neighbours:random=100",
    "neighbours:random=1000",
    "neighbours:width=8",
    "gradient",
    "gradient:mean=0",
    "gradient:width=1",
    "gradient:width=32",
    "gradient:reach=300",
    "gradient:random=100",
)
"""The second is the paper's slower setting; from ``random`` passages is how the paper starts."""
DEPTH = 100
CUTS = (10, 100)


def searched(index: augury.Index, queries: list[str], way: str) -> tuple[list[list[str]], dict[str, Any]]:
    """The passages that each query finds, and what that takes."""
    options = {"branches": ("dense",), "rerank": 0} if way == DENSE else {"by_qnet": way}
    plan = augury.SearchOptions(limit=DEPTH, group=False, **options)
    index.retriever.search(queries[0], plan)  # loads what the others find loaded
    found, spent, work = [], [], []
    for query in queries:
        started = time.perf_counter()
        result = index.retriever.search(query, plan)
        spent.append(1000 * (time.perf_counter() - started))
        found.append([f"{hit.doc_id} {hit.chunk}" for hit in result.hits])
        work.append(result.qnet or QNetWork(engine_calls=1, engine_queries=1))
    means = {name: float(np.mean([getattr(each, name) for each in work])) for name in QNetWork.model_fields}
    return found, {"way": way, "p50_ms": float(np.median(spent)), **means}


def recall(found: list[list[str]], all_: list[list[str]], cut: int) -> float:
    """The share of the best ``cut`` that were found among as many, the mean over queries."""
    shares = [
        len({*mine[:cut]} & {*best[:cut]}) / max(1, len(best[:cut]))
        for mine, best in zip(found, all_, strict=True)
    ]
    return float(np.mean(shares))


def measured(index: augury.Index, queries: list[str], ways: list[str]) -> list[dict[str, Any]]:
    """A row for each way, the exhaustive one first."""
    best, first = searched(index, queries, EXHAUSTIVE)
    rows = [{**first, **{f"recall@{cut}": 1.0 for cut in CUTS}}]
    for way in [DENSE, *ways]:
        print(way, file=sys.stderr, flush=True)
        found, row = searched(index, queries, way)
        rows.append({**row, **{f"recall@{cut}": recall(found, best, cut) for cut in CUTS}})
    return rows


def rendered(rows: list[dict[str, Any]]) -> str:
    heads = (
        "way",
        "recall@10",
        "recall@100",
        "q-net evaluations",
        "gradients",
        "rounds",
        "engine calls",
        "engine queries",
        "p50 ms",
    )
    names = (
        "recall@10",
        "recall@100",
        "evaluations",
        "gradients",
        "rounds",
        "engine_calls",
        "engine_queries",
        "p50_ms",
    )
    return table(heads, [[row["way"], *(_short(row[name]) for name in names)] for row in rows])


def _short(number: float) -> float:
    return round(number, 3 if number <= 1 else 1 if number < 100 else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--hypencoder", required=True, metavar="MODEL")
    parser.add_argument("--reads", choices=("own", "dense"), default="own")
    parser.add_argument("--documents", type=int)
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--index", type=Path, help="kept, and used again where it is there")
    parser.add_argument("--way", nargs="+", default=list(WAYS))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    reads = {"model": arguments.hypencoder, "reads": arguments.reads}
    profile = Profile(
        chunk=ChunkProfile(mode="none"),
        sparse=None,
        hypencoder=HypencoderProfile.model_validate(reads),
    )
    queries = list(load_queries(arguments.folder).values())[: arguments.queries]
    with tempfile.TemporaryDirectory() as place:
        where = arguments.index or Path(place) / "index"
        model = load_hypencoder(arguments.hypencoder)
        with augury.open(where, profile=profile, hypencoder=model) as index:
            index.ingest(islice(augury.open_source(str(arguments.folder)), arguments.documents))
            rows = measured(index, queries, arguments.way)
            passages = index.store.count()
    found = {
        "collection": arguments.folder.name,
        "passages": passages,
        "queries": len(queries),
        **reads,
        "ways": rows,
    }
    if arguments.json:
        print(json.dumps(found))
        return
    whose = "the index's dense vectors" if arguments.reads == "dense" else "vectors of their own"
    print(
        f"{arguments.folder.name}: {passages:,} passages, {len(queries)} queries; the q-nets read "
        f"{whose}, of {model.dim} numbers.\n"
    )
    print(rendered(rows))


if __name__ == "__main__":
    main()
