"""Augury beside other ways of searching the same vectors: speed, memory and nDCG@10.

python -m benchmarks.bench_peers [FOLDER:SPLIT] [--documents N] [--repeat 3] [--only NAME...] [--json]

The collection is encoded once (MiniLM and SPLADE-tiny) and kept in the folder of ``--work``, so all systems
get the same vectors and a second run is quick. Each system runs in a fresh process. What is counted:

- ``write``: documents/s from vectors in memory to an index that answers (bm25s and Augury's BM25 start from
  texts: tokens are their vectors). ``with_encoding`` adds the encoders' time for the same documents, measured
  once; Augury's ingest overlaps the two, which this leaves out.
- ``search``: ms a query from its vectors to ten document ids, the median of the repeats of each query;
  ``with_encoder`` adds the encoders' time for the same query. BM25 begins with the query's text.
- ``peak_mib``: the process's own peak, of which ``libraries_mib`` was there before any data.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from augury.evaluation.measure import Run, measure
from benchmarks.encoded import Encoded, prepare
from benchmarks.memory import peak_mib
from benchmarks.peers import SYSTEMS, Ready

REAL = Path(os.environ.get("AUGURY_DATA", "../shared/data")) / "scifact"
DEFAULT = f"{REAL}:test" if REAL.exists() else "examples/sample:test"
WARM = 5


def p50_p95(times: list[float]) -> list[float]:
    """Both, to a hundredth."""
    return [round(float(value), 2) for value in np.quantile(times, (0.5, 0.95))]


def one(name: str, data: Encoded, repeat: int) -> dict[str, Any]:
    """Everything about one system, in this process."""
    system = SYSTEMS[name]
    system.load()
    libraries = peak_mib()
    for part in system.needs:
        getattr(data, part)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        ready: Ready = system.build(data, Path(folder))
        written = time.perf_counter() - started
        try:
            run, times = searched(ready.search, len(data.queries), repeat)
        finally:
            ready.close()
    judged: Run = dict(zip(data.qrels, run, strict=True))
    encoding = sum(data.seconds[encoder] for encoder in system.encoders)
    by_encoder = [data.query_ms[encoder] for encoder in system.encoders]
    whole = [sum(parts) for parts in zip(times, *by_encoder, strict=True)]
    return {
        "system": name,
        "write_documents_per_second": round(len(data.ids) / written, 1),
        "with_encoding_documents_per_second": round(len(data.ids) / (written + encoding), 1),
        "search_ms": p50_p95(times),
        "with_encoder_ms": p50_p95(whole),
        "peak_mib": peak_mib(),
        "libraries_mib": libraries,
        "nDCG@10": round(measure(data.qrels, judged)["nDCG@10"], 4),
    }


def searched(
    search: Callable[[int], dict[str, float]], queries: int, repeat: int
) -> tuple[list[dict[str, float]], list[float]]:
    """What each query found, and the median milliseconds of its repeats."""
    for query in range(min(WARM, queries)):
        search(query)
    spent: list[list[float]] = [[] for _ in range(queries)]
    found: list[dict[str, float]] = [{} for _ in range(queries)]
    for _ in range(repeat):
        for query in range(queries):
            started = time.perf_counter()
            found[query] = search(query)
            spent[query].append(1e3 * (time.perf_counter() - started))
    return found, [statistics.median(times) for times in spent]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("collection", nargs="?", default=DEFAULT, metavar="FOLDER:SPLIT")
    parser.add_argument("--work", type=Path, default=Path(".bench"), help="where the vectors are kept")
    parser.add_argument("--documents", type=int, help="only the first ones of the collection")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    folder = prepare(arguments.collection, arguments.work, arguments.documents)
    if arguments.run:
        print(json.dumps(one(arguments.run, Encoded(folder), arguments.repeat)))
        return
    rows = []
    for name in arguments.only:
        command = [sys.executable, "-m", "benchmarks.bench_peers", *sys.argv[1:], "--run", name]
        rows.append(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))
        if not arguments.json:
            print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    if arguments.json:
        data = Encoded(folder)
        documents, queries = len(data.ids), len(data.queries)
        print(json.dumps({"collection": Path(arguments.collection).name, "documents": documents,
                          "queries": queries, "load": os.getloadavg()[0], "systems": rows}))  # fmt: skip


if __name__ == "__main__":
    main()
