"""Batches that fit: ``token_batches(lengths, max_tokens, max_items)`` and ``halving(function, batch)``.

A batch is padded to its longest text, so that texts of one length together waste nothing, and the padded
size, not the number of texts, is what memory and time follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ..errors import ModelError

Item = TypeVar("Item")
Result = TypeVar("Result")


def token_batches(lengths: Sequence[int], max_tokens: int, max_items: int) -> Iterator[list[int]]:
    """Positions of texts that go through the model together, longest first.

    Longest first, because a batch that is too large for the memory then shows at once. A batch's padded
    size, its longest text times its texts, is at most ``max_tokens``; a text longer than that is a batch
    of its own.

    Args:
        lengths: tokens of each text.
        max_tokens: padded tokens of a batch.
        max_items: texts of a batch.
    """
    order = sorted(range(len(lengths)), key=lambda position: -lengths[position])
    start = 0
    while start < len(order):
        longest = max(lengths[order[start]], 1)
        items = max(1, min(max_tokens // longest, max_items))
        yield order[start : start + items]
        start += items


def halving(
    function: Callable[[list[Item]], Result], batch: Sequence[Item]
) -> Iterator[tuple[list[Item], Result]]:
    """``for part, result in halving(function, batch)``: run a batch, split in two where memory runs out.

    Raises:
        ModelError: not even one item fits.
    """
    waiting = [list(batch)]
    while waiting:
        part = waiting.pop()
        try:
            result = function(part)
        except (RuntimeError, MemoryError) as error:
            if not _out_of_memory(error):
                raise
            if len(part) == 1:
                raise ModelError(
                    "The memory does not hold the model's work on even one text",
                    "Use shorter passages, a smaller model or another device",
                ) from error
        else:
            yield part, result
            continue
        # Outside the except block: the traceback above keeps the failed batch's tensors alive.
        middle = len(part) // 2
        waiting += [part[middle:], part[:middle]]


def _out_of_memory(error: Exception) -> bool:
    """torch.OutOfMemoryError and MPS say "out of memory"; the CPU allocator "can't allocate memory"."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text
