"""The folder of an embedded index: its lock, its metadata file and the room on its disk.

``INDEX/augury.json`` is what ``set_metadata`` stored, ``INDEX/augury.lock`` is held while the index is
open, and ``INDEX/shard/`` belongs to the engine.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ...errors import IndexFull, IndexLocked, IndexNotFound, StoreError
from .edge_errors import os_error

ROOM = 64 * 2**20
"""Bytes that stay free: the engine writes through memory maps, and a full disk would kill the process."""
_METADATA = "augury.json"
_METADATA_NEW = "augury.json.new"
_LOCK = "augury.lock"
_SHARD = "shard"
_SHARD_NEW = "shard.new"
_OURS = {_METADATA, _METADATA_NEW, _LOCK, _SHARD, _SHARD_NEW}


def is_index_folder(path: Path) -> bool:
    """Whether an index was begun in this folder."""
    return any((path / name).exists() for name in (_METADATA, _SHARD))


class EdgeFolder:
    """``EdgeFolder(path, create=True)``: the folder, locked until ``release``.

    Raises ``IndexNotFound`` when there is no index (or with ``create`` something else), ``IndexLocked``
    when it is open elsewhere, in this process or another.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path
        self.shard = path / _SHARD
        self.shard_new = path / _SHARD_NEW
        try:
            self._inspect(create)
            path.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(path / _LOCK, blocking=False, thread_local=False)
            self._lock.acquire()
        except Timeout:
            raise IndexLocked(
                f"The index {path} is open elsewhere",
                "Close the program that has it open, or serve it from a Qdrant server to share it",
            ) from None
        except OSError as error:
            raise os_error(error, path) from error

    def _inspect(self, create: bool) -> None:
        path = self.path
        if path.exists() and not path.is_dir():
            raise IndexNotFound(
                f"{path} is a file, not the folder of an index", "Name the folder of the index"
            )
        if is_index_folder(path):
            return
        held = {entry.name for entry in path.iterdir()} if path.exists() else set()
        if not create:
            what = "is not an index" if path.exists() else "does not exist"
            raise IndexNotFound(
                f"The folder {path} {what}", "Check the path, or ingest something to make an index"
            )
        if held - _OURS:
            raise IndexNotFound(
                f"The folder {path} holds other files, such as {min(held - _OURS)}, and is not an index",
                "Name a folder that is empty or does not exist yet",
            )

    def release(self) -> None:
        """Give up the lock."""
        self._lock.release()

    def metadata(self) -> dict[str, Any] | None:
        """What ``set_metadata`` stored, or None."""
        try:
            stored = json.loads((self.path / _METADATA).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StoreError(
                f"The metadata {self.path / _METADATA} cannot be read: {error}",
                "Restore this file from a backup",
            ) from error
        if not isinstance(stored, dict):
            raise StoreError(
                f"The metadata {self.path / _METADATA} is not a JSON object",
                "Restore this file from a backup",
            )
        return stored

    def set_metadata(self, metadata: dict[str, Any]) -> None:
        """Replace the metadata in one step that survives kill -9 and a loss of power."""
        text = json.dumps(metadata, ensure_ascii=False, indent=1, allow_nan=False)
        new = self.path / _METADATA_NEW
        try:
            with new.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, self.path / _METADATA)
            self.sync()
        except OSError as error:
            raise os_error(error, self.path) from error

    def take_shard(self) -> None:
        """Put the finished ``shard.new`` in its place."""
        os.rename(self.shard_new, self.shard)
        self.sync()

    def clear_shard(self) -> None:
        """Remove what an earlier, interrupted creation left."""
        if self.shard_new.exists():
            shutil.rmtree(self.shard_new)

    def sync(self) -> None:
        """Make renames inside the folder survive a loss of power, where the system lets one ask for it."""
        with suppress(OSError):
            handle = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def require_room(self, size: int, margin: int = ROOM) -> None:
        """Raise ``IndexFull`` unless ``size`` bytes and the margin are free."""
        free = shutil.disk_usage(self.path).free
        if free < size + margin:
            raise IndexFull(
                f"The disk of {self.path} has {free / 2**20:.0f} MiB free; writing needs "
                f"{(size + margin) / 2**20:.0f} MiB",
                "Free some space, then run the same command again; what was written is kept",
            )
