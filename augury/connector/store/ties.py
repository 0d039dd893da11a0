"""The same ranking every time: results ordered by score, then id, and cut there.

The engine returns points of equal score in an order that varies from call to call and from segment to
segment. ``search`` asks for a few points more than wanted, sorts by (-score, id as text) and cuts. If the
scores still tie at the end of what was fetched, it asks once more, for ``WIDE`` points beyond the limit.

Guarantee: the ranking is reproducible unless more than ``WIDE`` points share the score at the cut. The
limits of prefetch stages are cut inside the engine and are not covered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import replace

from ...schemas.points import ScoredPoint, SearchRequest

MARGIN = 8
WIDE = 1024

Answers = list[list[ScoredPoint]]
Runner = Callable[[Sequence[SearchRequest]], Answers]
AsyncRunner = Callable[[Sequence[SearchRequest]], Awaitable[Answers]]


def search(run: Runner, requests: Sequence[SearchRequest]) -> Answers:
    """``search(run, requests)``: an ordered list per request, from one call of ``run``, seldom two."""
    calls = _calls(requests)
    try:
        asked = next(calls)
        while True:
            asked = calls.send(run(asked))
    except StopIteration as end:
        answers: Answers = end.value
        return answers


async def search_async(run: AsyncRunner, requests: Sequence[SearchRequest]) -> Answers:
    """``await search_async(run, requests)``: the same with a ``run`` that is awaited."""
    calls = _calls(requests)
    try:
        asked = next(calls)
        while True:
            asked = calls.send(await run(asked))
    except StopIteration as end:
        answers: Answers = end.value
        return answers


def _calls(requests: Sequence[SearchRequest]) -> Generator[list[SearchRequest], Answers, Answers]:
    """The calls to make, each sent its answers; returns the ordered lists."""
    if not requests:
        return []
    found = [_ordered(points) for points in (yield [_widened(request, MARGIN) for request in requests])]
    tied = [i for i, request in enumerate(requests) if _undecided(found[i], request.limit)]
    if tied:
        again = yield [_widened(requests[i], WIDE) for i in tied]
        for i, points in zip(tied, again, strict=True):
            found[i] = _ordered(points)
    return [points[: request.limit] for points, request in zip(found, requests, strict=True)]


def _widened(request: SearchRequest, by: int) -> SearchRequest:
    return replace(request, limit=request.limit + by)


def _ordered(points: list[ScoredPoint]) -> list[ScoredPoint]:
    return sorted(points, key=lambda point: (-point.score, str(point.id)))


def _undecided(points: list[ScoredPoint], limit: int) -> bool:
    return len(points) == limit + MARGIN and points[limit - 1].score == points[-1].score
