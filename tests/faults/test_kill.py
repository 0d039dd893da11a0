"""Kill -9 at any moment, run again: the same index, and only what was missing is done."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augury
from augury.schemas.points import SparseVector
from tests.faults.ingest_child import ingest
from tests.hashing import HashingDense, HashingSparse

ROOT = Path(__file__).parents[2]
KILLS = 20

Contents = dict[str, tuple[dict[str, Any], dict[str, Any]]]


def contents(where: Path, **encoders: Any) -> Contents:
    """Every point of the index: its payload and vectors."""
    found: Contents = {}
    encoders = encoders or {"dense": HashingDense(), "sparse": HashingSparse()}
    with augury.open(where, **encoders) as index:
        if not index.store.exists():
            return found
        for records in index.store.scroll(vectors=("dense", "scenarios", "sparse")):
            found.update({str(record.id): (record.payload, dict(record.vectors)) for record in records})
    return found


def same(mine: Contents, theirs: Contents, tolerance: float = 1e-6) -> bool:
    return mine.keys() == theirs.keys() and all(
        mine[point][0] == theirs[point][0] and close(mine[point][1], theirs[point][1], tolerance)
        for point in mine
    )


def close(mine: dict[str, Any], theirs: dict[str, Any], tolerance: float) -> bool:
    for name, vector in mine.items():
        other = theirs[name]
        if isinstance(vector, SparseVector):
            if not np.array_equal(vector.indices, other.indices):
                return False
            vector, other = vector.values, other.values
        if vector.shape != other.shape or not np.allclose(vector, other, atol=tolerance):
            return False
    return True


def start(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def kill_after(process: subprocess.Popen[bytes], seconds: float) -> None:
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_twenty_kills_leave_the_index_of_an_undisturbed_run(tmp_path: Path) -> None:
    ingest(tmp_path / "one", 1)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    started = time.perf_counter()
    process = start("tests.faults.ingest_child", str(tmp_path / "two"), "2")
    assert process.wait() == 0
    longest = time.perf_counter() - started
    undisturbed = {1: contents(tmp_path / "one"), 2: contents(tmp_path / "two")}
    moments = random.Random(7)
    unfinished = 0
    for attempt in range(KILLS):
        version = 1 + attempt % 2  # a fresh index, or an update of one
        where = tmp_path / f"killed-{attempt}"
        if version == 2:
            shutil.copytree(tmp_path / "one", where)
        process = start("tests.faults.ingest_child", str(where), str(version))
        kill_after(process, moments.uniform(0.25, 1.0) * longest)
        goal = undisturbed[version]
        left = contents(where)
        missing = sum(
            point not in left or left[point][0]["fingerprint"] != payload["fingerprint"]
            for point, (payload, _) in goal.items()
        )
        unfinished += missing > 0
        report = ingest(where, version)
        assert report.passages.written == missing
        assert same(contents(where), goal)
        shutil.rmtree(where)
    assert unfinished >= KILLS // 4, "the kills came too late to test anything"


def test_the_command_line_with_real_models_survives_kills(tmp_path: Path) -> None:
    source, where = tmp_path / "corpus.jsonl", tmp_path / "killed"
    sample = (ROOT / "examples/sample/corpus.jsonl").read_text(encoding="utf-8").splitlines()[:32]
    source.write_text("\n".join(sample), encoding="utf-8")
    scenarios = str(ROOT / "examples/sample/scenarios.jsonl")

    def command(index: Path) -> tuple[str, ...]:
        return ("augury", "ingest", str(source), "--to", str(index), "--scenarios", scenarios, "--json")

    started = time.perf_counter()
    undisturbed = subprocess.run(
        [sys.executable, "-m", *command(tmp_path / "whole")], cwd=ROOT, capture_output=True, check=False
    )
    longest = time.perf_counter() - started
    assert undisturbed.returncode == 0, undisturbed.stderr.decode()
    assert json.loads(undisturbed.stdout)["documents"]["written"] == len(sample)
    for share in (0.6, 0.8, 0.95):
        kill_after(start(*command(where)), share * longest)
    last = subprocess.run([sys.executable, "-m", *command(where)], cwd=ROOT, capture_output=True, check=False)
    assert last.returncode == 0, last.stderr.decode()
    counts = json.loads(last.stdout)["documents"]
    assert counts["written"] + counts["unchanged"] == len(sample)
    real: dict[str, Any] = {"dense": None, "sparse": None}
    assert same(contents(where, **real), contents(tmp_path / "whole", **real), 1e-4)


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_killed_refold_is_refused_until_it_is_finished(tmp_path: Path, share: float) -> None:
    where = tmp_path / "index"
    ingest(where, 1)
    with augury.open(where, dense=HashingDense(), sparse=HashingSparse()) as index:
        total = index.store.count()

        def interrupt(done: int, _: int) -> None:
            if done >= share * total:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            index.refold(0.7, progress=interrupt)
    with augury.open(where, dense=HashingDense(), sparse=HashingSparse()) as index:
        with pytest.raises(augury.AuguryError, match=r"augury refold .* --alpha 0\.7"):
            index.search("subject")
        with pytest.raises(augury.AuguryError, match=r"to alpha 0.7 was interrupted"):
            index.refold(0.2)
        index.refold(0.7)
        assert index.search("subject 3")
    shutil.copytree(where, tmp_path / "fresh")
    with augury.open(tmp_path / "fresh", dense=HashingDense(), sparse=HashingSparse()) as index:
        index.refold(0.3)
    ingest(tmp_path / "again", 1)
    assert same(contents(tmp_path / "fresh"), contents(tmp_path / "again"), 1e-4)
