"""The ids a run has met, kept on disk so that memory does not grow with the collection."""

from __future__ import annotations

import sqlite3
import threading


class SeenIds:
    """``seen.add("a")`` is True the first time. A temporary SQLite file that its process alone sees."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute("CREATE TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID")
        self._db.execute("BEGIN")

    def add(self, doc_id: str) -> bool:
        """Whether the id is new."""
        with self._lock:
            return self._db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (doc_id,)).rowcount == 1

    def __contains__(self, doc_id: str) -> bool:
        with self._lock:
            return self._db.execute("SELECT 1 FROM seen WHERE id = ?", (doc_id,)).fetchone() is not None

    def __len__(self) -> int:
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM seen").fetchone()[0])

    def close(self) -> None:
        """Remove the file."""
        self._db.close()
