"""Points for the tests of the embedded store, and another process that writes them."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np

from augury.schemas.collection import CollectionSpec, SparseSpec, VectorSpec
from augury.schemas.points import Point, SparseVector

DIM = 8
SPEC = CollectionSpec(
    vectors={"dense": VectorSpec(size=DIM), "rows": VectorSpec(size=DIM, distance="dot", multi=True)},
    sparse={"sparse": SparseSpec()},
    indexes={"doc_id": "keyword", "flag": "bool"},
)
_OPEN = """
    import os, signal, sys
    from pathlib import Path
    import numpy as np
    from augury.connector.store.edge import EdgeStore
    from augury.schemas.points import Point
    from tests.connector.store.edge_child import SPEC, points
    store = EdgeStore(Path(sys.argv[1]), create=True)
    print("open", flush=True)
"""


def points(count: int, start: int = 0) -> list[Point]:
    rng = np.random.default_rng(start)
    sparse = SparseVector(np.array([1, 5], dtype=np.uint32), np.array([1, 2], dtype=np.float32))
    return [
        Point(
            i,
            {
                "dense": rng.standard_normal(DIM).astype(np.float32),
                "rows": rng.standard_normal((1 + i % 3, DIM)).astype(np.float32),
                "sparse": sparse,
            },
            {"doc_id": str(i), "flag": i % 2 == 0},
        )
        for i in range(start, start + count)
    ]


def child(path: Path, code: str, *, kill_after_s: float | None = None) -> int:
    """Run ``code`` with ``store`` in a process of its own; its exit status.

    With ``kill_after_s`` it is killed that long after it has opened the store.
    """
    script = textwrap.dedent(_OPEN) + textwrap.dedent(code)
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        if kill_after_s is not None:
            time.sleep(kill_after_s)
            process.kill()
        return process.wait(timeout=120)
