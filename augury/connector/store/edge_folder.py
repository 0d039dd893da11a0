"""The folder of an embedded index: its lock, its metadata file and the room on its disk.

``INDEX/augury.json`` is what ``set_metadata`` stored, ``INDEX/augury.lock`` is held while the index is
open, and ``INDEX/shard/`` belongs to the engine. A re-index makes a second generation of both in
``INDEX/generation-2/``; ``INDEX/augury.generation`` says which one is current, and replacing that file is the
swap. Notes are ``KEY.json`` beside the metadata.
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
_GENERATION = "augury.generation"
_FIRST = "1"
_FOLDER = "generation-"
_OURS = {_METADATA, _METADATA_NEW, _LOCK, _SHARD, _SHARD_NEW}


def is_index_folder(path: Path) -> bool:
    """Whether an index was begun in this folder."""
    return any((path / name).exists() for name in (_METADATA, _SHARD, _GENERATION))


class EdgeFolder:
    """``EdgeFolder(path, create=True)``: the folder, locked until ``release``.

    Raises ``IndexNotFound`` when there is no index (or with ``create`` something else), ``IndexLocked``
    when it is open elsewhere, in this process or another.

    Args:
        beside: a folder object of the same index, for another ``generation`` of it; they share the lock.
    """

    _lock: FileLock
    _open: set[str]

    def __init__(
        self, path: Path, *, create: bool, generation: str = "", beside: EdgeFolder | None = None
    ) -> None:
        self.path = path
        try:
            self._inspect(create)
            path.mkdir(parents=True, exist_ok=True)
            self._lock = (
                beside._lock if beside else FileLock(path / _LOCK, blocking=False, thread_local=False)
            )
            self._lock.acquire()
            self.generation = generation or self.current()
            self._open = beside._open if beside else set()
            if self.generation in self._open:
                self._lock.release()
                raise IndexLocked(
                    f"Generation {self.generation} of the index {path} is open in this process already",
                    "Close it there first",
                )
            self._open.add(self.generation)
            self.home = path if self.generation == _FIRST else path / f"{_FOLDER}{self.generation}"
            self.shard = self.home / _SHARD
            self.shard_new = self.home / _SHARD_NEW
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
        if path.name.startswith(_FOLDER) and is_index_folder(path.parent):
            raise IndexNotFound(f"{path} is a part of the index {path.parent}", "Open that one")
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
        self._open.discard(self.generation)
        self._lock.release()

    def current(self) -> str:
        """The generation that the index is opened at."""
        try:
            return (self.path / _GENERATION).read_text(encoding="ascii").strip() or _FIRST
        except FileNotFoundError:
            return _FIRST

    def unused(self, after: str = "") -> str:
        """A number that no generation has, and higher than another."""
        taken = [after, *(path.name.removeprefix(_FOLDER) for path in self.path.glob(f"{_FOLDER}*"))]
        return str(1 + max([1, *(int(number) for number in taken if number.isdecimal())]))

    def lead_to(self, generation: str) -> None:
        """Make a generation the current one, in one step."""
        self._replace(self.path / _GENERATION, generation)

    def drop(self) -> None:
        """Delete the files of this generation."""
        try:
            if self.home != self.path:
                if self.home.exists():
                    shutil.rmtree(self.home)
                return
            for shard in (self.shard, self.shard_new):
                if shard.exists():
                    shutil.rmtree(shard)
            for note in self.path.glob("augury*.json"):
                note.unlink()
        except OSError as error:
            raise os_error(error, self.path) from error

    def note(self, key: str) -> Any:
        """What ``set_note`` stored, or None."""
        try:
            return json.loads((self.home / f"{key}.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.home / key}.json cannot be read: {error}", "Remove this file") from error

    def set_note(self, key: str, value: Any) -> None:
        """Store a JSON value; None forgets it."""
        path = self.home / f"{key}.json"
        if value is not None:
            self._replace(path, json.dumps(value))
            return
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise os_error(error, self.path) from error

    def metadata(self) -> dict[str, Any] | None:
        """What ``set_metadata`` stored, or None."""
        try:
            stored = json.loads((self.home / _METADATA).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StoreError(
                f"The metadata {self.home / _METADATA} cannot be read: {error}",
                "Restore this file from a backup",
            ) from error
        if not isinstance(stored, dict):
            raise StoreError(
                f"The metadata {self.home / _METADATA} is not a JSON object",
                "Restore this file from a backup",
            )
        return stored

    def set_metadata(self, metadata: dict[str, Any]) -> None:
        """Replace the metadata in one step that survives kill -9 and a loss of power."""
        text = json.dumps(metadata, ensure_ascii=False, indent=1, allow_nan=False)
        self._replace(self.home / _METADATA, text)

    def _replace(self, path: Path, text: str) -> None:
        new = path.with_name(f"{path.name}.new")
        try:
            path.parent.mkdir(exist_ok=True)
            with new.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, path)
            self.sync(path.parent)
        except OSError as error:
            raise os_error(error, self.path) from error

    def take_shard(self) -> None:
        """Put the finished ``shard.new`` in its place."""
        os.rename(self.shard_new, self.shard)
        self.sync(self.home)

    def clear_shard(self) -> None:
        """Remove what an earlier, interrupted creation left."""
        self.home.mkdir(exist_ok=True)
        if self.shard_new.exists():
            shutil.rmtree(self.shard_new)

    def sync(self, folder: Path) -> None:
        """Make renames inside a folder survive a loss of power, where the system lets one ask for it."""
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
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
