"""A pipeline of stages joined by bounded queues; each stage runs in one thread of its own.

While the engine writes one batch, the encoders work on the next and the reader on the one after. Threads
rather than an event loop: no stage awaits anything, the source is read in the caller's own thread, and it
works in a notebook, where an event loop runs already.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from queue import Queue
from typing import Any

Stage = Callable[[Any], Any]

_END = object()
_JOIN_S = 0.2


def flow(
    source: Iterable[Any],
    stages: dict[str, Stage],
    *,
    seconds: dict[str, float],
    depth: int = 2,
    on_abort: Callable[[], None] | None = None,
) -> None:
    """``flow(batches, {"encode": encode, "write": write}, seconds=seconds)``.

    Every item of ``source`` goes through every stage, in order. At most ``depth`` items wait before a
    stage, so memory does not grow with the source. ``seconds`` receives each stage's busy time, the
    source's under ``read``. The first exception of the source or of a stage ends the flow and is raised,
    after what was already past that point has gone on to the end. So does an interrupt; what waits before
    the stage at work is then left out. ``on_abort`` is called in either case, to end what a stage waits for.
    """
    queues: list[Queue[Any]] = [Queue(maxsize=depth) for _ in stages]
    failures: list[BaseException] = []
    interrupted = threading.Event()

    def abort() -> None:
        if on_abort:  # beside, since an impatient interrupt must not tear this thread out of waiting
            threading.Thread(target=on_abort, daemon=True).start()

    def interrupt(error: BaseException) -> None:
        if interrupted.is_set():
            return
        interrupted.set()
        failures.insert(0, error)
        abort()

    def work(position: int, name: str, stage: Stage) -> None:
        broken = False
        while (item := queues[position].get()) is not _END:
            if broken or interrupted.is_set():
                continue  # drain, so that the stages before this one can end
            try:
                result = _timed(name, lambda item=item: stage(item), seconds)  # type: ignore[misc]
            except BaseException as error:
                failures.append(error)
                broken = True
                abort()
                continue
            if position + 1 < len(queues):
                queues[position + 1].put(result)
        if position + 1 < len(queues):
            queues[position + 1].put(_END)

    threads = [
        threading.Thread(target=work, args=(position, name, stage), name=f"augury-{name}")
        for position, (name, stage) in enumerate(stages.items())
    ]
    for thread in threads:
        thread.start()
    iterator: Iterator[Any] = iter(source)
    try:
        while not failures:
            item = _timed("read", lambda: next(iterator, _END), seconds)
            if item is _END:
                break
            queues[0].put(item)
    except Exception as error:
        failures.append(error)
    except BaseException as error:
        interrupt(error)
    _end(queues[0], threads, interrupt)
    if failures:
        raise failures[0]


def _end(
    first: Queue[Any],
    threads: list[threading.Thread],
    interrupt: Callable[[BaseException], None],
) -> None:
    """Wait for the stages. Impatient interrupts are kept: to leave now would tear a write apart."""
    told = False
    while not told or any(thread.is_alive() for thread in threads):
        try:
            if not told:
                first.put(_END)
                told = True
            for thread in threads:
                thread.join(_JOIN_S)
        except KeyboardInterrupt as error:
            interrupt(error)


def _timed(name: str, call: Callable[[], Any], seconds: dict[str, float]) -> Any:
    started = time.perf_counter()
    try:
        return call()
    finally:
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started
