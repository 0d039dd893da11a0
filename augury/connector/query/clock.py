"""How long the stages of a search take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """``with clock("encode"): ...`` measures a stage; ``clock.timings()`` gives milliseconds a query."""

    def __init__(self, queries: int = 1) -> None:
        self._queries = queries
        self._started = time.perf_counter()
        self._spent: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._spent[stage] = self._spent.get(stage, 0.0) + time.perf_counter() - started

    def timings(self) -> dict[str, float]:
        """Each stage so far, and ``total``."""
        total = {**self._spent, "total": time.perf_counter() - self._started}
        return {stage: round(1000 * spent / self._queries, 3) for stage, spent in total.items()}
