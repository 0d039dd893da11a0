"""Waiting for a server that is away for a moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from ...errors import StoreUnavailable

T = TypeVar("T")

_ATTEMPTS = 6
_LONGEST_WAIT_S = 20


def patiently(call: Callable[[], T]) -> T:
    """``patiently(lambda: store.upsert(points))``: again, with growing pauses, while the store is away."""
    return Retrying(
        retry=retry_if_exception_type(StoreUnavailable),
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_random_exponential(max=_LONGEST_WAIT_S),
        reraise=True,
    )(call)
