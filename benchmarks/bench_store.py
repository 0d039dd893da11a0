"""How fast the embedded store writes and searches, and what memory it takes, on random vectors.

    python benchmarks/bench_store.py
    python benchmarks/bench_store.py --points 5000 --rows 1 4 --json

Each setting runs in a process of its own, so that its memory is its own. ``fused`` is one engine request that
fuses three branches by RRF and returns 10 full payloads with their scenario vectors; ``split`` is the three
branch lists in one request with only ``doc_id`` as payload, fused here, and one more call for the same 10.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil

from augury.connector.store.base import Store
from augury.connector.store.edge import EdgeStore
from augury.schemas.collection import CollectionSpec, SparseSpec, VectorSpec
from augury.schemas.points import (
    Fusion,
    Nearest,
    Point,
    PointId,
    Prefetch,
    ScoredPoint,
    SearchRequest,
    SparseVector,
)

DIM, TERMS, NONZERO, QUERY_NONZERO = 384, 30_000, 120, 40
BATCH, REPEATS, BRANCH, HITS, RRF_K = 256, 30, 100, 10, 60
SPEC = CollectionSpec(
    vectors={"dense": VectorSpec(size=DIM), "scenarios": VectorSpec(size=DIM, distance="dot", multi=True)},
    sparse={"sparse": SparseSpec()},
    indexes={"doc_id": "keyword", "fingerprint": "keyword"},
)


@dataclass(frozen=True)
class Result:
    """One setting: rates, median times in milliseconds, and memory in MiB.

    ``own_memory`` is what opening and searching adds beside mapped files, which the system can take back.
    """

    points: int
    rows: int
    upsert_points_per_s: float
    upsert_256_ms: float
    flush_ms: float
    close_s: float
    open_s: float
    dense_ms: float
    sparse_ms: float
    scenarios_ms: float
    fused_ms: float
    split_ms: float
    own_memory_mib: float
    resident_mib: float
    disk_mib: float


def main() -> None:
    """Print a table, or with ``--json`` one object per line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", type=int, nargs="+", default=[5_000, 50_000])
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 4], help="scenario rows per point")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    for points in options.points:
        for rows in options.rows:
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                result = asdict(pool.submit(measure, points, rows).result())
            if options.json:
                print(json.dumps(result), flush=True)
            else:
                print(f"{points} points, {rows} rows each", flush=True)
                for name, value in list(result.items())[2:]:
                    print(f"  {name:20} {value:10.1f}")


def measure(points: int, rows: int) -> Result:
    """Write, tidy up, open again and search one index."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index"
        store = EdgeStore(path, create=True)
        store.ensure(SPEC)
        written, flushed = _write(store, points, rows)
        close_s = _seconds(store.close)
        start = time.perf_counter()
        process = psutil.Process()
        before = process.memory_info()
        store = EdgeStore(path, create=False)
        open_s = time.perf_counter() - start
        queries = _Queries(store)
        times = _medians_ms(queries.kinds())
        after = process.memory_info()
        disk = sum(file.stat().st_blocks * 512 for file in path.rglob("*") if file.is_file())
        store.close()
    return Result(
        points=points,
        rows=rows,
        upsert_points_per_s=points / sum(written),
        upsert_256_ms=1e3 * statistics.median(written),
        flush_ms=1e3 * statistics.median(flushed),
        close_s=close_s,
        open_s=open_s,
        dense_ms=times["dense"],
        sparse_ms=times["sparse"],
        scenarios_ms=times["scenarios"],
        fused_ms=times["fused"],
        split_ms=times["split"],
        own_memory_mib=(after.rss - after.shared - before.rss + before.shared) / 2**20,
        resident_mib=after.rss / 2**20,
        disk_mib=disk / 2**20,
    )


def _write(store: Store, points: int, rows: int) -> tuple[list[float], list[float]]:
    written, flushed = [], []
    for i, batch in enumerate(_batches(points, rows)):
        start = time.perf_counter()
        store.upsert(batch)
        written.append(time.perf_counter() - start)
        if i % 4 == 0:
            flushed.append(_seconds(store.flush))
    return written, flushed


def _batches(points: int, rows: int) -> Iterator[list[Point]]:
    rng = np.random.default_rng(0)
    for start in range(0, points, BATCH):
        count = min(BATCH, points - start)
        dense = rng.standard_normal((count, DIM), dtype=np.float32)
        scenarios = rng.standard_normal((count, rows, DIM), dtype=np.float32)
        yield [
            Point(
                start + i,
                {"dense": dense[i], "scenarios": scenarios[i], "sparse": _sparse(rng, NONZERO)},
                {"doc_id": f"doc-{start + i}", "fingerprint": "f" * 16, "text": "word " * 200},
            )
            for i in range(count)
        ]


def _sparse(rng: np.random.Generator, nonzero: int) -> SparseVector:
    indices = np.unique(rng.integers(0, TERMS, nonzero)).astype(np.uint32)
    return SparseVector(indices, rng.random(len(indices), dtype=np.float32))


class _Queries:
    """One random query of each kind."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rng = np.random.default_rng(1)

    def kinds(self) -> dict[str, Callable[[], object]]:
        return {
            "dense": lambda: self._store.search(self._branches()[0]),
            "scenarios": lambda: self._store.search(self._branches()[1]),
            "sparse": lambda: self._store.search(self._branches()[2]),
            "fused": self._fused,
            "split": self._split,
        }

    def _branches(self) -> list[SearchRequest]:
        vector = self._rng.standard_normal(DIM, dtype=np.float32)
        nearest = (
            Nearest(vector, "dense"),
            Nearest(vector[np.newaxis], "scenarios"),
            Nearest(_sparse(self._rng, QUERY_NONZERO), "sparse"),
        )
        return [SearchRequest(BRANCH, query, payload=("doc_id",)) for query in nearest]

    def _fused(self) -> object:
        prefetch = tuple(Prefetch(BRANCH, request.query) for request in self._branches())
        return self._store.search(
            SearchRequest(HITS, Fusion("rrf", RRF_K), prefetch=prefetch, vectors=("scenarios",))
        )

    def _split(self) -> object:
        best = _rrf(self._store.search_batch(self._branches()))[:HITS]
        return self._store.vectors(best, ["scenarios"])


def _rrf(lists: list[list[ScoredPoint]]) -> list[PointId]:
    scores: dict[PointId, float] = {}
    for ranking in lists:
        for rank, point in enumerate(ranking, start=1):
            scores[point.id] = scores.get(point.id, 0.0) + 1 / (RRF_K + rank)
    return sorted(scores, key=lambda point_id: (-scores[point_id], str(point_id)))


def _medians_ms(queries: dict[str, Callable[[], object]]) -> dict[str, float]:
    """In turns, so that other work on the machine slows all of them alike."""
    times: dict[str, list[float]] = {name: [] for name in queries}
    for _ in range(REPEATS):
        for name, query in queries.items():
            times[name].append(1e3 * _seconds(query))
    return {name: statistics.median(taken) for name, taken in times.items()}


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
