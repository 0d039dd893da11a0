"""How the embedded engine's searches grow with the index, on synthetic passages (``synthetic.py``).

python -m benchmarks.bench_growth [--sizes 5000 20000 100000 500000] [--queries 50] [--repeat 3] [--json]

Each size in a process of its own. Searches begin with the query's vectors: nothing is encoded. ``exponent``
is the slope of log p50 over log size: 1 grows as the index does, 0 not at all. A size that the disk may not
hold is left out, and the report says so.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import augury
from augury.schemas.document import Document
from augury.schemas.points import FloatArray, Point, SparseVector
from augury.schemas.profile import BranchName
from benchmarks.memory import peak_mib
from benchmarks.synthetic import ALPHA, DIM, Synthetic

BRANCHES: dict[str, tuple[BranchName, ...]] = {
    "dense": ("dense",),
    "sparse": ("sparse",),
    "scenarios": ("scenarios",),
    "whole search": ("scenarios", "sparse"),
}
WARM = 5
BYTES = 24 * 1024  # of disk for a passage, with room for the copies that tidying makes
TEXT = "some words of a passage " * 40


class Known:
    """Encoders that look a query up: its text is its number."""

    name, revision, dim, idf = "synthetic", "1", DIM, False

    def __init__(self, vectors: Sequence[Any]) -> None:
        self._vectors = vectors

    def encode_documents(self, texts: Sequence[str]) -> Any:
        """The vectors of these queries."""
        return [self._vectors[int(text)] for text in texts]

    encode_queries = encode_documents


class KnownDense(Known):
    """The same in one array."""

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        """(texts, dim)."""
        return np.stack([self._vectors[int(text)] for text in texts])

    encode_queries = encode_documents


def measured(passages: int, queries: int, repeat: int) -> dict[str, Any]:
    """Make an index of this size, open it again, and search it."""
    data = Synthetic(passages)
    asked: list[tuple[FloatArray, SparseVector]] = list(data.queries(queries))
    dense, sparse = KnownDense([vector for vector, _ in asked]), Known([terms for _, terms in asked])
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder) / "index"
        with augury.open(where, dense=dense, sparse=sparse) as index:
            index.make()
            assert index.profile.scenarios.alpha == ALPHA
            seconds = written(index, data)
            started = time.perf_counter()
        seconds += time.perf_counter() - started  # what closing tidies
        writing_mib = peak_mib()
        disk = sum(file.stat().st_blocks * 512 for file in where.rglob("*") if file.is_file())
        with augury.open(where, dense=dense, sparse=sparse) as index:
            found = {name: p50_p95(index, branches, queries, repeat) for name, branches in BRANCHES.items()}
    return {
        "passages": passages,
        "passages_per_second": round(passages / seconds),
        "search_ms": found,
        "peak_mib_writing": writing_mib,
        "peak_mib": peak_mib(),
        "disk_mib": round(disk / 2**20),
    }


def written(index: augury.Index, data: Synthetic) -> float:
    """Seconds that the store took for all passages; making them is not counted."""
    names, seconds = index.profile.names, 0.0
    for batch in data.batches():
        points = []
        for i, (dense, rows, sparse) in enumerate(zip(batch.dense, batch.rows, batch.sparse, strict=True)):
            number = str(batch.start + i)
            document = Document(id=number, text=TEXT)
            vectors = {names.dense: dense, names.scenarios: rows, names.sparse: sparse}
            payload = {
                "doc_id": number,
                "chunk": 0,
                "chunks": 1,
                "title": "",
                "text": TEXT,
                "source": "",
                "content_hash": "",
                "fingerprint": str(index.profile.fingerprint(number, "", "")),
                "scenario_state": "complete",
                "scenarios": [],
                "metadata": document.metadata,
            }
            points.append(Point(index.profile.point_id(number, 0), vectors, payload))
        started = time.perf_counter()
        index.store.upsert(points)
        seconds += time.perf_counter() - started
    return seconds


def p50_p95(index: augury.Index, branches: tuple[BranchName, ...], queries: int, repeat: int) -> list[float]:
    """Milliseconds of a search, over the medians of each query's repeats."""
    options = augury.SearchOptions(branches=branches)
    search: Callable[[str], object] = lambda query: index.retriever.search(query, options)  # noqa: E731
    for query in range(min(WARM, queries)):
        search(str(query))
    spent = np.empty((repeat, queries))
    for turn in range(repeat):
        for query in range(queries):
            started = time.perf_counter()
            search(str(query))
            spent[turn, query] = 1e3 * (time.perf_counter() - started)
    return [round(float(value), 2) for value in np.quantile(np.median(spent, axis=0), (0.5, 0.95))]


def exponents(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The slope of log p50 over log size, for each kind of search."""
    sizes = np.log([row["passages"] for row in rows])
    return {
        name: round(float(np.polyfit(sizes, np.log([row["search_ms"][name][0] for row in rows]), 1)[0]), 2)
        for name in BRANCHES
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[5_000, 20_000, 100_000, 500_000])
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--run", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(measured(arguments.run, arguments.queries, arguments.repeat)))
        return
    rows: list[dict[str, Any]] = []
    left_out: dict[int, str] = {}
    for size in arguments.sizes:
        free = shutil.disk_usage(tempfile.gettempdir()).free
        if free < size * BYTES:
            left_out[size] = f"needs {size * BYTES / 2**30:.0f} GiB of disk and {free / 2**30:.0f} are free"
            continue
        command = [sys.executable, "-m", "benchmarks.bench_growth", *sys.argv[1:], "--run", str(size)]
        rows.append(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))
        if not arguments.json:
            print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    found = exponents(rows) if len(rows) > 1 else {}
    if arguments.json:
        print(
            json.dumps({"load": os.getloadavg()[0], "sizes": rows, "exponents": found, "left_out": left_out})
        )
        return
    for name, value in found.items():
        print(f"exponent of {name}: {value}")
    for size, reason in left_out.items():
        print(f"{size} passages were left out: {reason}")


if __name__ == "__main__":
    main()
