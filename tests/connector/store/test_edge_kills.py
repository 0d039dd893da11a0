"""What an embedded index goes through: kill -9 at any moment, and a disk that fills up."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augury.connector.store.edge import EdgeStore
from augury.errors import StoreError
from augury.schemas.collection import CollectionSpec, SparseSpec, VectorSpec
from augury.schemas.points import Nearest, Point, SearchRequest, SparseVector
from tests.connector.store.edge_child import SPEC, child, points


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index"


def test_what_upsert_returned_from_survives_kill_9(path: Path) -> None:
    code = """
        store.ensure(SPEC)
        store.set_metadata({"a": 1})
        for start in range(0, 500, 50):
            store.upsert(points(50, start))
        store.delete({"must": [{"key": "doc_id", "match": {"value": "3"}}]})
        os.kill(os.getpid(), signal.SIGKILL)
    """
    assert child(path, code) == -signal.SIGKILL
    store = EdgeStore(path, create=False)
    assert store.count() == 499
    assert store.count({"must": [{"key": "flag", "match": {"value": True}}]}) == 250
    assert store.metadata() == {"a": 1}
    expected = points(50, 450)[-1]
    read = store.vectors([499], ["rows", "sparse"])[499]
    np.testing.assert_array_equal(read.vectors["rows"], expected.vectors["rows"])
    assert read.payload == expected.payload
    store.close()


def test_a_creation_that_is_killed_can_be_repeated(path: Path) -> None:
    for kill_after_s in (0.0, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16):
        child(path, "store.ensure(SPEC)", kill_after_s=kill_after_s)
        store = EdgeStore(path, create=True)
        store.ensure(SPEC)
        store.upsert(points(3))
        assert store.count() == 3
        store.close()
        shutil.rmtree(path)


def test_tidying_up_at_close_may_be_killed_and_changes_no_answer(path: Path) -> None:
    """20 MB in one segment: enough for the engine to compact it."""
    spec = CollectionSpec(vectors={"dense": VectorSpec(size=512)}, sparse={"sparse": SparseSpec()})
    rng = np.random.default_rng(1)
    sparse = [
        SparseVector(rng.choice(99, 9, replace=False).astype(np.uint32), rng.random(9).astype(np.float32))
        for _ in range(10_000)
    ]
    dense = rng.standard_normal((10_000, 512)).astype(np.float32)
    query = rng.standard_normal(512).astype(np.float32)
    store = EdgeStore(path, create=True)
    store.ensure(spec)
    for start in range(0, 10_000, 500):
        some = range(start, start + 500)
        store.upsert([Point(i, {"dense": dense[i], "sparse": sparse[i]}, {"n": i}) for i in some])
    requests = [SearchRequest(20, Nearest(query, "dense")), SearchRequest(20, Nearest(sparse[0], "sparse"))]
    answers: list[Any] = [
        [(p.id, pytest.approx(p.score, abs=1e-5)) for p in found] for found in store.search_batch(requests)
    ]
    store.flush()
    copies = [path.with_name(f"copy{i}") for i in range(4)]
    for copy in copies:
        shutil.copytree(path, copy)
    store.close()
    for copy, kill_after_s in zip(copies, (0.02, 0.1, 0.3, 0.6), strict=True):
        child(copy, "store._written = True; store.close()", kill_after_s=kill_after_s)
    for folder in (path, *copies):
        again = EdgeStore(folder, create=False)
        assert again.count() == 10_000
        assert [[(p.id, p.score) for p in found] for found in again.search_batch(requests)] == answers
        assert again.vectors([77], ["dense"])[77].payload == {"n": 77}
        again.upsert([Point(77, {"dense": dense[77]}, {"n": -1})])
        again.close()
        assert EdgeStore(folder, create=False).vectors([77], [])[77].payload == {"n": -1}


def test_a_panic_stays_in_the_journal_and_would_close_the_index_for_good(path: Path) -> None:
    """Why the checks come first: after a kill the journal is replayed, and panics again."""
    code = """
        import qdrant_edge
        store.ensure(SPEC)
        try:
            store._shard.update(qdrant_edge.UpdateOperation.upsert_points(
                [qdrant_edge.Point(1, {"rows": [[1.0] * 8, [1.0]]}, {})]))
        except BaseException as error:
            assert type(error).__name__ == "PanicException" and not isinstance(error, Exception)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    assert child(path, code) == -signal.SIGKILL
    with pytest.raises(StoreError, match=r"cannot be opened.*Keep the folder"):
        EdgeStore(path, create=False)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(place)]
    if mount is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs is not permitted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_fills_up_costs_no_acknowledged_point(small_disk: Path) -> None:
    code = """
        from augury.errors import IndexFull
        store.ensure(SPEC)
        written = 0
        try:
            for start in range(0, 100_000, 200):
                store.upsert([Point(p.id, p.vectors, {"text": "word " * 1000})
                              for p in points(200, start)])
                written += 200
        except IndexFull as error:
            Path(sys.argv[1]).with_name("written").write_text(str(written))
            store.close()
    """
    assert child(small_disk / "index", code) == 0
    written = int((small_disk / "written").read_text())
    assert written > 1_000
    assert shutil.disk_usage(small_disk).free > 0
    store = EdgeStore(small_disk / "index", create=False)
    assert store.count() == written
    store.upsert(points(200, written))
    store.close()
