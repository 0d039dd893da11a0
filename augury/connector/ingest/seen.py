"""The ids a run has met, kept on disk so that memory does not grow with the collection."""

from __future__ import annotations

import sqlite3
import threading


class SeenIds:
    """``seen.add("a")`` is True the first time. A temporary SQLite file that its process alone sees.

    Two tenants' documents of one id are two.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute("CREATE TABLE seen (tenant TEXT, id TEXT, PRIMARY KEY (tenant, id)) WITHOUT ROWID")
        self._db.execute("BEGIN")

    def add(self, doc_id: str, tenant: str = "") -> bool:
        """Whether the id is new."""
        with self._lock:
            added = self._db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (tenant, doc_id))
            return added.rowcount == 1

    def has(self, doc_id: str, tenant: str = "") -> bool:
        """Whether the id was met."""
        with self._lock:
            found = self._db.execute("SELECT 1 FROM seen WHERE tenant = ? AND id = ?", (tenant, doc_id))
            return found.fetchone() is not None

    def tenants(self) -> list[str]:
        """Whose ids were met."""
        with self._lock:
            return [tenant for (tenant,) in self._db.execute("SELECT DISTINCT tenant FROM seen")]

    def __len__(self) -> int:
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM seen").fetchone()[0])

    def close(self) -> None:
        """Remove the file."""
        self._db.close()
