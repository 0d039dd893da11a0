"""A pipeline of stages joined by bounded queues; each stage runs in one thread of its own.

While the engine writes one batch, the encoders work on the next and the reader on the one after.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Stage = Callable[[Any], Any]

_END = object()


def run_flow(
    source: Iterable[Any], stages: dict[str, Stage], *, seconds: dict[str, float], depth: int = 2
) -> None:
    """``flow`` for callers that are not asynchronous, also where an event loop runs already (a notebook)."""
    running = flow(source, stages, seconds=seconds, depth=depth)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(running)
        return
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, running).result()


async def flow(
    source: Iterable[Any],
    stages: dict[str, Stage],
    *,
    seconds: dict[str, float],
    depth: int = 2,
) -> None:
    """``await flow(batches, {"encode": encode, "write": write}, seconds=seconds)``.

    Every item of ``source`` goes through every stage, in order. At most ``depth`` items wait before a
    stage, so memory does not grow with the source. ``seconds`` receives each stage's busy time, the
    source's under ``read``. The first exception of a stage ends the flow and is raised, after the items
    that were already past that stage have gone on to the end.
    """
    queues: list[asyncio.Queue[Any]] = [asyncio.Queue(maxsize=depth) for _ in stages]
    failures: list[BaseException] = []
    iterator: Iterator[Any] = iter(source)

    async def timed(pool: ThreadPoolExecutor, name: str, call: Callable[[], Any]) -> Any:
        def run() -> Any:
            started = time.perf_counter()
            try:
                return call()
            finally:
                seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started

        return await asyncio.get_running_loop().run_in_executor(pool, run)

    async def read() -> None:
        with ThreadPoolExecutor(1, thread_name_prefix="augury-read") as pool:
            while not failures:
                try:
                    item = await timed(pool, "read", lambda: next(iterator, _END))
                except BaseException as error:
                    failures.append(error)
                    break
                if item is _END:
                    break
                await queues[0].put(item)
        await queues[0].put(_END)

    async def work(position: int, name: str, stage: Stage) -> None:
        broken = False
        with ThreadPoolExecutor(1, thread_name_prefix=f"augury-{name}") as pool:
            while (item := await queues[position].get()) is not _END:
                if broken:
                    continue  # drain, so that the stages before this one can end
                try:
                    result = await timed(pool, name, lambda item=item: stage(item))  # type: ignore[misc]
                except BaseException as error:
                    failures.append(error)
                    broken = True
                    continue
                if position + 1 < len(queues):
                    await queues[position + 1].put(result)
        if position + 1 < len(queues):
            await queues[position + 1].put(_END)

    await asyncio.gather(read(), *(work(i, name, stage) for i, (name, stage) in enumerate(stages.items())))
    if failures:
        raise failures[0]
