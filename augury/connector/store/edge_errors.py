"""Failures of the embedded engine, translated in one place."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import AuguryError, IndexFull, StoreError

_FULL = ("No space left on device", f"os error {errno.ENOSPC}", f"os error {errno.EDQUOT}")


@contextmanager
def translated(path: Path, *, opening: bool = False) -> Iterator[None]:
    """The one place where failures of the engine become ``StoreError`` or ``IndexFull``.

    A panic of the engine is a ``pyo3_runtime.PanicException``, which is a ``BaseException`` that cannot be
    imported; everything else it raises is a plain ``Exception``. ``KeyboardInterrupt`` and its like pass
    through.
    """
    try:
        yield
    except BaseException as error:
        panicked = type(error).__module__ == "pyo3_runtime"
        if isinstance(error, AuguryError) or not (panicked or isinstance(error, Exception)):
            raise
        raise _engine_error(str(error), path, opening=opening, panicked=panicked) from error


def _engine_error(text: str, path: Path, *, opening: bool, panicked: bool) -> StoreError:
    first = text.strip().partition("\n")[0]
    if any(mark in text for mark in _FULL):
        return IndexFull(
            f"The disk of {path} is full: {first}", "Free some space, then run the same command again"
        )
    if opening:
        return StoreError(
            f"The index {path} cannot be opened: {first}",
            "Keep the folder as it is; look whether the disk is full or files are missing; restore it from "
            "a backup, or ingest into another folder",
        )
    if panicked:
        return StoreError(
            f"The engine of {path} stopped working: {first}", "Close the index and open it again"
        )
    return StoreError(f"The engine of {path} refused: {first}", "Correct the request and try again")


def os_error(error: OSError, path: Path) -> StoreError:
    """An error of the file system while the folder was written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return IndexFull(f"The disk of {path} is full", "Free some space, then run the same command again")
    return StoreError(
        f"The folder {path} cannot be used: {error.strerror or error}", "Check its permissions and the disk"
    )
