"""Searching beside an event loop: ``AsyncRetriever`` runs the same steps as ``Retriever``, awaited.

Models run in one worker thread and the embedded engine in another; a server is awaited. While a call of one
kind is under way, the steps of other searches gather, and go into the next call together: 32 searches at
once need a few passes of an encoder, not 32.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from ...errors import AuguryError, IndexNotFound, StoreError, UsageError
from ...schemas.hit import SearchResult
from ...schemas.plan import QueryPlan
from ..store.base import AsyncStore
from .clock import Clock
from .parts import RetrieverOptions, search_parts
from .planner import SearchOptions
from .retriever import Retriever, result
from .steps import Ask, Differentiate, Encode, Evaluate, Fetch, Look, Make, Score, Search, Step

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

MODEL_BATCH = 64
"""Steps that go through a model together."""
ENGINE_BATCH = 16
"""Searches in one call of the embedded engine, which holds Python's lock all the while: longer calls would
keep the event loop waiting, shorter ones spend more on handing the lock from thread to thread."""
_LLM_THREADS = 32


class AsyncRetriever:
    """``async with AsyncRetriever(client, "papers") as retriever: await retriever.search("my query")``.

    The collection's profile is read, and the encoders are loaded in a thread, on entering the block, or else
    by the first search. Make one for the life of the app, and one for each event loop: it belongs to that of
    its first search. What waits when it is closed ends with ``StoreError``.

    Args:
        client: the app's own ``AsyncQdrantClient``. It is used as it is, and never closed.
        collection: its name or an alias.
        options: see ``RetrieverOptions``.

    Raises as ``Retriever``, where the profile is read.
    """

    _store: AsyncStore | None

    def __init__(
        self, client: AsyncQdrantClient, collection: str, **options: Unpack[RetrieverOptions]
    ) -> None:
        from qdrant_client import AsyncQdrantClient

        from ...schemas.attach import COPY_SUFFIX
        from ..store.async_server import AsyncServerStore

        if not isinstance(client, AsyncQdrantClient):
            raise UsageError(
                f"An async retriever awaits an AsyncQdrantClient, and was given {type(client).__name__}",
                "Use augury.Retriever for a QdrantClient, and index.async_retriever() for a folder or a URL",
            )
        store = AsyncServerStore(client, collection)

        async def make() -> Retriever:
            await store.settle()
            metadata = await store.metadata()
            if metadata is None:  # an app may go on with the collection beside the index that is its copy
                copy = AsyncServerStore(client, f"{store.generation}{COPY_SUFFIX}")
                with suppress(IndexNotFound):
                    metadata = await copy.metadata()
                    self._store = copy
            self._refuse()
            models = self._threads[0]
            loop = asyncio.get_running_loop()
            parts = await loop.run_in_executor(models, search_parts, store.where, metadata, options)
            return Retriever.over(None, parts)

        self._set(store, make)

    @classmethod
    def over(cls, retriever: Retriever, store: AsyncStore | None = None) -> AsyncRetriever:
        """``AsyncRetriever.over(retriever)``: with the models and the profile of a retriever.

        Args:
            store: the same index, awaited; None to call the retriever's own in a worker thread.
        """
        beside = cls.__new__(cls)
        beside._set(store, None)
        beside._retriever = retriever
        return beside

    def _set(self, store: AsyncStore | None, make: Callable[[], Awaitable[Retriever]] | None) -> None:
        self._store = store
        self._make = make
        self._making = asyncio.Lock()
        self._retriever: Retriever | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._threads = [
            ThreadPoolExecutor(count, thread_name_prefix=f"augury-{name}")
            for name, count in (("models", 1), ("engine", 1), ("llm", _LLM_THREADS))
        ]
        models, engine, self._llm = self._threads
        self._models = _Gathering(self._answers, models, MODEL_BATCH)
        self._engine = _Gathering(self._answers, engine, ENGINE_BATCH)

    async def search(self, query: str, options: SearchOptions | None = None) -> SearchResult:
        """The best documents for one query; call it for many at once."""
        return await self.run((await self._ready()).plan(query, options))

    async def search_batch(
        self, queries: Sequence[str], options: SearchOptions | None = None
    ) -> list[SearchResult]:
        """The best documents for each query."""
        return await asyncio.gather(*(self.search(query, options) for query in queries))

    async def run(self, plan: QueryPlan) -> SearchResult:
        """What the plan finds. ``timings_ms`` include waiting for searches that go on at the same time."""
        retriever = await self._ready()
        clock = Clock()
        steps = retriever.steps(plan)
        try:
            step = next(steps)
            while True:
                try:
                    with clock(step.stage):
                        answer = await self._answer(step)
                except AuguryError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as end:
            return result(plan, end.value, clock)

    async def close(self) -> None:
        """End the threads and connections of its own; the index, or the client, stays open. A second call
        does nothing."""
        if self._closed:
            return
        self._closed = True
        for gathering in (self._models, self._engine):
            gathering.end(_was_closed())
        for threads in self._threads:
            threads.shutdown(wait=False)
        if self._make is not None and self._retriever is not None:
            self._retriever.close()
        if self._store is not None:
            await self._store.close()

    async def __aenter__(self) -> Self:
        try:
            await self._ready()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _ready(self) -> Retriever:
        self._refuse()
        async with self._making:
            if self._retriever is None:
                assert self._make is not None
                self._retriever = await self._make()
        return self._retriever

    def _answers(self, steps: Sequence[Step]) -> Sequence[Any]:
        assert self._retriever is not None
        return self._retriever.answers(steps)

    async def _answer(self, step: Step) -> Any:
        self._refuse()
        if isinstance(step, Encode | Score | Make | Evaluate | Differentiate):
            return await self._models(step)
        if isinstance(step, Ask):  # the LLM client has a loop of its own; a thread waits for it
            asked = asyncio.get_running_loop().run_in_executor(self._llm, self._answers, [step])
            return (await asked)[0]
        if self._store is not None and isinstance(step, Search):
            return await self._store.search_batch(step.requests)
        if self._store is not None and isinstance(step, Fetch):
            return await self._store.vectors(step.ids, step.vectors, payload=step.payload)
        if self._store is not None and isinstance(step, Look):
            return await self._store.page(
                step.filter,
                payload=step.payload,
                vectors=step.vectors,
                batch=step.limit,
                start=step.start,
            )
        return await self._engine(step)

    def _refuse(self) -> None:
        if self._closed:
            raise _was_closed()
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        if self._loop is not loop:
            raise StoreError(
                "This async retriever is used by another event loop", "Make one for each loop that searches"
            )


def _was_closed() -> StoreError:
    return StoreError("This async retriever was closed", "Make another one")


class _Gathering:
    """Steps that come while a call is under way go into the next one together, ``most`` at a time."""

    def __init__(
        self, answers: Callable[[Sequence[Step]], Sequence[Any]], thread: Executor, most: int
    ) -> None:
        self._answers = answers
        self._thread = thread
        self._most = most
        self._waiting: list[tuple[Step, asyncio.Future[Any]]] = []
        self._under_way: list[tuple[Step, asyncio.Future[Any]]] = []
        self._working: asyncio.Task[None] | None = None

    async def __call__(self, step: Step) -> Any:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((step, answer))
        if self._working is None or self._working.done():
            self._working = loop.create_task(self._work())
        return await answer

    def end(self, error: AuguryError) -> None:
        """Answer everything that waits, or is under way, with the error."""
        for _, answer in (*self._under_way, *self._waiting):
            if not answer.done():
                answer.set_exception(error)
        self._waiting.clear()

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._next():
            steps = [step for step, _ in self._under_way]
            try:
                found = await loop.run_in_executor(self._thread, self._each, steps)
            except BaseException:  # the loop ends, or the threads have: whoever waits must not wait for ever
                for _, answer in (*self._under_way, *self._waiting):
                    answer.cancel()
                self._waiting.clear()
                raise
            for (_, answer), value in zip(self._under_way, found, strict=True):
                if answer.done():  # its search was cancelled, or all of them were ended
                    continue
                if isinstance(value, BaseException):
                    answer.set_exception(value)
                else:
                    answer.set_result(value)

    def _next(self) -> bool:
        """Take the first that waits, and those of its kind; searches that were cancelled are dropped."""
        waiting = [pair for pair in self._waiting if not pair[1].done()]
        kind = type(waiting[0][0]) if waiting else None
        self._under_way = [pair for pair in waiting if type(pair[0]) is kind][: self._most]
        taken = {id(pair) for pair in self._under_way}
        self._waiting = [pair for pair in waiting if id(pair) not in taken]
        return bool(self._under_way)

    def _each(self, steps: list[Step]) -> Sequence[Any]:
        """The answers; where they fail together, each on its own, so that one bad query costs no other."""
        try:
            return self._answers(steps)
        except Exception as error:
            return [error] if len(steps) == 1 else [self._each([step])[0] for step in steps]
