"""Kill -9 while mining, run again: the same file, and only what was missing is done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.faults.mine_child import QUERIES, mine

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120


def test_a_killed_run_is_finished_by_the_next(tmp_path: Path) -> None:
    where, output = tmp_path / "index", tmp_path / "killed.jsonl"
    undisturbed = mine(where, tmp_path / "whole.jsonl")
    assert (undisturbed.mined, undisturbed.failed) == (QUERIES, 0) and undisturbed.negatives > 0
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.mine_child", str(where), str(output), "0.3"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + PATIENCE_S
    while not (output.is_file() and output.stat().st_size):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    left = output.read_bytes()
    assert 0 < left.count(b"\n") < QUERIES
    output.write_bytes(left + left[:100])  # what a kill in the middle of a write leaves
    report = mine(where, output)
    assert (report.unchanged, report.mined) == (left.count(b"\n"), QUERIES - left.count(b"\n"))
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
