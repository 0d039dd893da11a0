"""A breaker: an endpoint that failed several times in a row is left alone for a while."""

from __future__ import annotations

import time

from ...errors import GenerationError

_PAUSE_S = 30.0


class Breaker:
    """``breaker.check()`` raises while it is open; ``succeeded()`` and ``failed()`` tell it how it went.

    It opens after ``failures`` in a row. When ``pause`` seconds have passed, one request may try again.
    """

    def __init__(self, failures: int, pause: float = _PAUSE_S) -> None:
        self._most = failures
        self._pause = pause
        self._in_a_row = 0
        self._again_at = 0.0

    def check(self) -> None:
        """Raises ``GenerationError`` while the endpoint is left alone."""
        if self._in_a_row < self._most:
            return
        now = time.monotonic()
        if now < self._again_at:
            raise GenerationError(
                f"The LLM server failed {self._most} times in a row and was not asked again",
                "See that it runs (augury llm check), then run it again (an ingest with --repair)",
                lasting=True,
            )
        self._again_at = now + self._pause

    def succeeded(self) -> None:
        """An answer came, of whatever worth."""
        self._in_a_row = 0

    def failed(self) -> None:
        """The endpoint failed."""
        self._in_a_row += 1
        if self._in_a_row == self._most:
            self._again_at = time.monotonic() + self._pause
