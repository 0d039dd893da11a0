"""Many requests to an LLM: a bounded number ahead, their answers in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from ...errors import EndpointError, GenerationError
from ...schemas.llm import LlmUsage

if TYPE_CHECKING:
    from .client import LlmClient

Item = TypeVar("Item")
Value = TypeVar("Value")

_AHEAD = 4  # times the requests in flight: items taken before the first is done


def answers_ahead(
    llm: LlmClient, items: Iterable[Item], work: Callable[[Item], Coroutine[Any, Any, Value]]
) -> Iterator[tuple[Item, Value | None, GenerationError | None]]:
    """``for item, value, error in answers_ahead(llm, passages, ask)``: one result an item, in order, as they
    come; where there is no value, the error says why.

    Args:
        llm: connected; ``work`` runs in its loop and awaits its ``ask``.
    """
    remaining = iter(items)
    ahead = _AHEAD * llm.profile.concurrency
    waiting: deque[tuple[Item, Future[Value]]] = deque()

    def submitted(item: Item) -> Future[Value]:
        try:
            return llm.submit(work(item))
        except EndpointError:  # closed: the run was interrupted
            gone: Future[Value] = Future()
            gone.cancel()
            return gone

    def fill() -> None:
        for item in islice(remaining, ahead - len(waiting)):
            waiting.append((item, submitted(item)))

    fill()
    while waiting:
        item, future = waiting.popleft()
        try:
            yield item, future.result(), None
        except GenerationError as error:
            yield item, None, error
        except CancelledError:
            yield (
                item,
                None,
                GenerationError("The run was interrupted", "Run the same command again to go on"),
            )
        fill()


def usage_notes(usage: LlmUsage) -> list[str]:
    """What a report should say: why answers are missing."""
    told = [f"{count} requests to the LLM failed: {what}." for what, count in usage.errors.items()]
    if usage.cut:
        told.append(
            f"{usage.cut} passages were cut for the LLM, since its context does not hold them; serve it "
            "with a longer one, or use smaller chunks."
        )
    return told
