"""Which layout of the scenario rows is fastest in the embedded engine, and what it misses.

python -m benchmarks.bench_layouts [--points 20000] [--graph-points 5000] [--json]

Synthetic passages of four rows (``synthetic.py``). Each query takes the branch's 100 candidates; recall@10 is
against comparing every row, and a layout counts from .98 on. Layouts with an HNSW graph are built for
``--graph-points`` passages only, as a graph over multivectors takes minutes; ``rows`` to compare with are
measured at that size as well.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import qdrant_edge as edge

from augury.schemas.points import FloatArray
from benchmarks.synthetic import DIM, ROWS, Synthetic

QUERIES, CANDIDATES, TOP = 50, 100, 10
FLUSH_EVERY = 20  # batches, about 32 MiB
SEGMENT_KIB, GRAPH_SEGMENT_KIB, CODED_KIB = 32 * 1024, 1024 * 1024, 1024
NO_GRAPH = edge.HnswIndexConfig(m=0, ef_construct=100, full_scan_threshold=10_000)
GRAPH = edge.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=100)
COLD = edge.Memory.Cold


@dataclass(frozen=True)
class Layout:
    """How rows are kept and asked for. ``single``: a row is a point, and documents are put together here."""

    codes: Any = None
    oversampling: float = 1.0
    graph: bool = False
    single: bool = False


INT8 = edge.ScalarQuantizationConfig(edge.ScalarType.Int8, quantile=0.99, memory=COLD)
BINARY = edge.BinaryQuantizationConfig(memory=COLD)
TURBO = edge.TurboQuantQuantizationConfig(bits=edge.TurboQuantBitSize.Bits4, memory=COLD)
LAYOUTS: dict[str, Layout] = {
    "rows": Layout(),
    "int8, rescored x1": Layout(INT8),
    "int8, rescored x3": Layout(INT8, 3.0),
    "binary, rescored x1": Layout(BINARY),
    "binary, rescored x3": Layout(BINARY, 3.0),
    "turbo 4 bits, rescored x3": Layout(TURBO, 3.0),
    "a point a row": Layout(single=True),
}
GRAPHS: dict[str, Layout] = {
    "rows": Layout(),
    "HNSW over multivectors": Layout(graph=True),
    "a point a row, HNSW": Layout(graph=True, single=True),
}


def measured(
    layout: Layout, data: Synthetic, queries: list[FloatArray], best: list[set[int]]
) -> dict[str, Any]:
    """Build one, then ask it everything."""
    multi = None if layout.single else edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim)
    rows = edge.EdgeVectorParams(
        DIM,
        edge.Distance.Dot,
        multivector_config=multi,
        hnsw_config=GRAPH if layout.graph else NO_GRAPH,
        quantization_config=layout.codes,
        memory=COLD,
    )
    segment = GRAPH_SEGMENT_KIB if layout.graph else SEGMENT_KIB
    optimizers = edge.EdgeOptimizersConfig(max_segment_size=segment, indexing_threshold=CODED_KIB)
    config = edge.EdgeConfig({"rows": rows}, hnsw_config=NO_GRAPH, optimizers=optimizers)
    with tempfile.TemporaryDirectory() as folder:
        shard = edge.EdgeShard.create(f"{folder}/shard", config)
        built = build(shard, layout, data)
        params = edge.SearchParams(
            quantization=edge.QuantizationSearchParams(rescore=True, oversampling=layout.oversampling)
            if layout.codes
            else None,
            hnsw_ef=CANDIDATES if layout.graph else None,
        )
        limit = CANDIDATES * (ROWS if layout.single else 1)
        spent, found = [], 0
        for query, expected in zip(queries, best, strict=True):
            rows_asked: Any = query.tolist() if layout.single else [query.tolist()]
            request = edge.QueryRequest(
                limit=limit,
                query=edge.Query.Nearest(rows_asked, using="rows"),
                params=params,
                with_payload=False,
            )
            started = time.perf_counter()
            ids = [int(str(point.id)) for point in shard.query(request)]
            documents = list(dict.fromkeys(number // ROWS for number in ids)) if layout.single else ids
            spent.append(1e3 * (time.perf_counter() - started))
            found += len(expected & set(documents[:TOP]))
        shard.close()
        disk = sum(file.stat().st_blocks * 512 for file in Path(folder).rglob("*") if file.is_file())
    p50, p95 = np.quantile(spent, (0.5, 0.95))
    return {
        "build_s": round(built, 1),
        "p50_ms": round(float(p50), 2),
        "p95_ms": round(float(p95), 2),
        "recall@10": round(found / (TOP * len(queries)), 4),
        "disk_mib": round(disk / 2**20),
    }


def build(shard: edge.EdgeShard, layout: Layout, data: Synthetic) -> float:
    """Write everything and tidy as the store does; the seconds that took."""
    seconds = 0.0
    for number, batch in enumerate(data.batches(), start=1):
        started = time.perf_counter()
        points = [
            edge.Point(batch.start + i, {"rows": rows.tolist()}, {}) for i, rows in enumerate(batch.rows)
        ]
        if layout.single:
            points = [
                edge.Point((batch.start + i) * ROWS + row, {"rows": vector.tolist()}, {})
                for i, rows in enumerate(batch.rows)
                for row, vector in enumerate(rows)
            ]
        shard.update(edge.UpdateOperation.upsert_points(points))
        if number % FLUSH_EVERY == 0 and not layout.graph:
            shard.flush()
            shard.optimize()
        seconds += time.perf_counter() - started
    started = time.perf_counter()
    shard.flush()
    shard.optimize()
    return seconds + time.perf_counter() - started


def exact(data: Synthetic, queries: list[FloatArray]) -> list[set[int]]:
    """The best ten passages of each query, from every row."""
    stacked = np.stack(queries)
    scores = np.concatenate(
        [(batch.rows @ stacked.T).max(axis=1) for batch in data.batches()]
    )  # (passages, queries)
    return [set(best.tolist()) for best in np.argsort(-scores, axis=0)[:TOP].T]


def table(points: int, layouts: dict[str, Layout], report: Callable[[str], None]) -> list[dict[str, Any]]:
    """A row for each layout."""
    data = Synthetic(points, terms=False)
    queries = [vector for vector, _ in data.queries(QUERIES)]
    best = exact(data, queries)
    rows = []
    for name, layout in layouts.items():
        rows.append({"passages": points, "layout": name, **measured(layout, data, queries, best)})
        report("  ".join(f"{key} {value}" for key, value in rows[-1].items()))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--graph-points", type=int, default=5_000, help="0 leaves the graphs out")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    def report(line: str) -> None:
        if not arguments.json:
            print(line, flush=True)

    rows = table(arguments.points, LAYOUTS, report)
    if arguments.graph_points:
        rows += table(arguments.graph_points, GRAPHS, report)
    if arguments.json:
        print(json.dumps({"load": os.getloadavg()[0], "layouts": rows}))


if __name__ == "__main__":
    main()
