"""A model's folder appears whole: ``appear(folder, fill, is_complete, lock=..., scratch=...)``.

It is filled beside its place and put there by one rename, so that work which is killed leaves no half model,
and two processes at once do it once.
"""

from __future__ import annotations

import glob
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

WAIT_S = 1800.0
"""How long to wait for another process that makes the same folder."""


def appear(
    folder: Path,
    fill: Callable[[Path], Path],
    is_complete: Callable[[], bool],
    *,
    lock: str = ".lock",
    scratch: str = ".fetch-",
) -> None:
    """``appear(folder, fill, is_complete)``: make ``folder`` unless it is complete.

    Args:
        fill: writes into the empty folder it is given, and returns the part of it that becomes ``folder``.
        is_complete: asked before, and again when the lock is ours. What lies in the place of an incomplete
            folder is replaced.
        lock: name of the lock file beside ``folder``.
        scratch: how the names of working folders beside ``folder`` begin. Those that a killed process left
            are swept away, so nothing else may be called so.

    Raises:
        filelock.Timeout: another process has held the lock for ``WAIT_S``.
        OSError: the place cannot be written.
    """
    if is_complete():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / lock, timeout=WAIT_S):
        if is_complete():
            return
        # Left by a process that was killed: the lock is ours.
        for left_behind in folder.parent.glob(f"{glob.escape(scratch)}*"):
            shutil.rmtree(left_behind, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=scratch, dir=folder.parent) as temporary:
            whole = fill(Path(temporary))
            if folder.exists():
                folder.rename(Path(temporary) / "damaged")
            whole.rename(folder)
