"""Answers of an LLM, kept on disk: what was paid for once is never asked again."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import NamedTuple

from ...errors import ModelError
from ..cache import cache_folder

_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    content TEXT, model TEXT, prompt TEXT, sampling TEXT, answer TEXT NOT NULL, created REAL NOT NULL,
    PRIMARY KEY (content, model, prompt, sampling)
) WITHOUT ROWID
"""
_BUSY_S = 30.0


class CacheKey(NamedTuple):
    """Hashes of the text, the prompt and the sampling, and the model's name."""

    content: str
    model: str
    prompt: str
    sampling: str


class LlmCache:
    """``cache.get(key)`` is the answer or None; ``cache.put(key, answer)`` survives a kill once it returns.

    One SQLite file, by default below ``AUGURY_CACHE`` or the user's cache folder. Several processes may
    use it at once, and one that is killed harms nothing.

    Raises:
        ModelError: the file cannot be made, or is not such a cache.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or cache_folder() / "llm.sqlite"
        self._lock = threading.Lock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                self.path, timeout=_BUSY_S, check_same_thread=False, isolation_level=None
            )
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(_TABLE)
        except sqlite3.Error as error:
            self._db.close()
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> ModelError:
        what = f"The cache of LLM answers {self.path} cannot be used ({error})"
        if isinstance(error, sqlite3.OperationalError):
            return ModelError(
                what, "See that nothing else holds it and that its folder can be written, or set AUGURY_CACHE"
            )
        return ModelError(what, "Move the file away, or set AUGURY_CACHE to another folder")

    def get(self, key: CacheKey) -> str | None:
        """The answer that was kept, if there is one."""
        query = "SELECT answer FROM answers WHERE content = ? AND model = ? AND prompt = ? AND sampling = ?"
        with self._lock:
            found = self._db.execute(query, key).fetchone()
        return found[0] if found else None

    def put(self, key: CacheKey, answer: str) -> None:
        """Keep an answer; a later one for the same key takes its place."""
        with self._lock:
            self._db.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)", (*key, answer, time.time())
            )

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        with self._lock:
            self._db.close()
