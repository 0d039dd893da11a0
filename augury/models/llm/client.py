"""The LLM client: bounded, patient, cached, and counted.

Requests run in an event loop of their own thread, so that a deadline ends a request whatever the server
sends, and that callers may be plain functions.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

import openai
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from ...errors import EndpointError, GenerationError, ModelError
from ...schemas.llm import LlmProfile, LlmUsage
from .breaker import Breaker
from .cache import LlmCache
from .chat import Chat
from .dialect import Dialect
from .endpoint import Endpoint, find_endpoint, key_and_address
from .faults import (
    NotChatError,
    as_generation_error,
    checked_completion,
    explained,
    is_rate_limit,
    is_too_long,
    passes,
    wait,
)
from .tokens import Tokens

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion
    from openai.types.chat import ChatCompletionMessageParam as Message

T = TypeVar("T")

logger = logging.getLogger(__name__)

_NO_KEY = "none"  # what a server without keys is sent
_CONNECT_S = 10.0
_RATE_LIMIT_PATIENCE = 5  # times the attempts at anything else
_LEAST_ROOM = 50  # tokens
_SHORTEST = 200  # characters; a context that does not hold this much holds no document
_KEPT_SENTENCES = 20
_TEMPLATE_TOKENS = 64  # what a chat template adds around two messages
_CLOSE_S = 5.0


class LlmClient:
    """``with LlmClient(LlmProfile(base_url="http://localhost:8000/v1")) as llm: llm.answer(chat, str)``.

    Attributes:
        usage: what was asked so far and what it cost.
        endpoint: what is known of the server, once ``connect`` was called.

    Args:
        profile: the server, the model and how patiently to ask.
        cache: where answers are kept; None keeps none.
        api_key: by default ``OPENAI_API_KEY``.

    Raises:
        EndpointError: no server is named, or the address is none.
    """

    def __init__(
        self, profile: LlmProfile, *, cache: LlmCache | None = None, api_key: str | None = None
    ) -> None:
        self.profile = profile
        self.usage = LlmUsage(model=profile.model)
        self.endpoint: Endpoint | None = None
        self._key, address = key_and_address(profile, api_key)
        self._api = openai.AsyncOpenAI(
            base_url=address or None,
            api_key=self._key or _NO_KEY,
            max_retries=0,
            timeout=openai.Timeout(profile.timeout, connect=min(_CONNECT_S, profile.timeout)),
        )
        self.url = str(self._api.base_url).rstrip("/")
        self._cache = cache
        self._breaker = Breaker(profile.breaker)
        self._dialect = Dialect()
        self._overheads: dict[str, int] = {}  # tokens of each prompt
        self._flights = 0
        self._took_off = 0.0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="augury-llm", daemon=True)
        self._thread.start()
        self._slots = asyncio.Semaphore(profile.concurrency)
        self._connecting = threading.Lock()
        self._gate = threading.Lock()
        self._closing = False

    @classmethod
    def with_cache(cls, profile: LlmProfile) -> LlmClient:
        """A client that keeps its answers in the cache folder."""
        cache = LlmCache()
        try:
            return cls(profile, cache=cache)
        except BaseException:
            cache.close()
            raise

    @property
    def model(self) -> str:
        """The model's name, which may be the one that the server lists."""
        return self.connect().model

    def connect(self) -> Endpoint:
        """Ask the server who it is, once.

        Raises:
            EndpointError: nothing answers, the key or the model is refused, or it is no such server.
        """
        with self._connecting:
            if self.endpoint is None:
                self.endpoint = self.submit(self._connect()).result()
                self.usage.model = self.endpoint.model
                self._tokens = Tokens(self._api, self.endpoint.model)
            return self.endpoint

    def answer(self, chat: Chat, parse: Callable[[str], T]) -> T:
        """``llm.answer(chat, parse)``: ``ask``, waited for."""
        self.connect()
        return self.submit(self.ask(chat, parse)).result()

    def submit(self, task: Coroutine[Any, Any, T]) -> Future[T]:
        """Run ``self.ask(...)``, or anything else, in the client's own loop."""
        with self._gate:
            if not self._closing:
                return asyncio.run_coroutine_threadsafe(task, self._loop)
        task.close()
        raise EndpointError("The LLM client is closed", "Make a new one")

    async def ask(self, chat: Chat, parse: Callable[[str], T]) -> T:
        """The parsed answer, from the cache where it is there. Call it in the client's loop, connected.

        ``parse`` raises ``ValueError`` with a reason for what cannot be used; the model is then asked once
        more. An answer is kept only once it was parsed.

        Raises:
            GenerationError: no answer came, or none that can be used.
        """
        assert self.endpoint is not None
        whole = chat.key(self.endpoint.model)
        cut = chat.key(self.endpoint.model, context=self.endpoint.context)
        for key in (whole, cut):
            kept = self._kept(key)
            if kept is not None:
                try:
                    value = parse(kept)
                except ValueError:
                    continue  # kept by a version that parsed otherwise
                self.usage.cached += 1
                return value
        try:
            async with self._slots:
                fits, text, value = await self._fresh(chat, parse)
        except asyncio.CancelledError:
            self.usage.failed += 1
            raise
        except Exception as error:
            self.usage.failed += 1
            told = as_generation_error(error)
            self._remember(told)
            raise told from error
        self.usage.answered += 1
        self.usage.cut += not fits
        self._keep(whole if fits else cut, text)
        return value

    @property
    def schema(self) -> str:
        """How JSON schemas are sent by now: ``whole``, ``without lengths`` or ``not at all``."""
        return self._dialect.schema

    @property
    def counts_tokens(self) -> bool:
        """Whether the server counts tokens, as far as it was asked to."""
        return self._tokens.counted

    async def count(self, text: str) -> int:
        """How many tokens a text has by the server's count, or about how many."""
        return await self._tokens.count(text)

    def close(self) -> None:
        """Give up what is in flight and release the connections. A second call does nothing."""
        with self._gate:
            if self._closing:
                return
            self._closing = True
            asyncio.run_coroutine_threadsafe(self._give_up(), self._loop)
        self._thread.join(_CLOSE_S)
        if not self._thread.is_alive():
            self._loop.close()
        if self._cache is not None:
            self._cache.close()

    def __enter__(self) -> LlmClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _give_up(self) -> None:
        mine = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not mine]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._api.close()
        self._loop.stop()

    async def _connect(self) -> Endpoint:
        return await find_endpoint(self._api, self.url, self.profile.model, self._key)

    async def _fresh(self, chat: Chat, parse: Callable[[str], T]) -> tuple[bool, str, T]:
        """Whether the text fitted, a new answer and its parsed form; asked once more if it cannot be used."""
        complaint = ""
        for attempt in range(2):
            self.usage.repairs += attempt
            fits, choice = await self._fitting(chat, complaint)
            text = (choice.message.content or "").strip()
            try:
                if chat.whole and choice.finish_reason == "length":
                    raise ValueError(f"it was not finished after {chat.sampling.max_tokens} tokens")
                text.encode()  # half of a surrogate pair can neither be kept nor indexed
                return fits, text, parse(text)
            except ValueError as error:
                complaint = _first_line(error)
        self.usage.invalid += 1
        raise GenerationError(
            f"The model's answer cannot be used, even when it is asked again: {complaint}",
            "Try a larger model, or more tokens for the answer",
        )

    async def _fitting(self, chat: Chat, complaint: str) -> tuple[bool, Any]:
        """Whether the text fits the model's context, and the answer to as much of it as does."""
        room = await self._room(chat)
        text = await self._tokens.cut(chat.text, room)
        fits = room == chat.text_tokens or text == chat.text
        while True:
            try:
                return fits, await self._send(chat, chat.messages(text, complaint), repair=bool(complaint))
            except GenerationError as error:
                if not error.too_long or len(text) < _SHORTEST:
                    raise
                text, fits = text[: len(text) // 2], False

    async def _room(self, chat: Chat) -> int:
        """Tokens that the context leaves for the text."""
        assert self.endpoint is not None
        if not self.endpoint.context or len(chat.text.encode()) <= _SHORTEST:
            return chat.text_tokens
        around = self._overheads.get(chat.prompt)
        if around is None:
            marks = _TEMPLATE_TOKENS * (1 + len(chat.examples))
            around = self._overheads[chat.prompt] = await self._tokens.count(chat.prompt) + marks
        room = self.endpoint.context - around - chat.sampling.max_tokens
        if room < _LEAST_ROOM:
            raise GenerationError(
                f"The model's context of {self.endpoint.context} tokens leaves {max(room, 0)} for a text",
                "Serve the model with a longer context",
                too_long=True,
            )
        return min(chat.text_tokens, room)

    async def _send(self, chat: Chat, messages: list[Message], *, repair: bool) -> Any:
        """One request, tried again while the server is busy or away; its first choice."""
        self._breaker.check()
        tried: Counter[str] = Counter()
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception(passes),
                stop=lambda state: self._gives_up(state, tried),
                wait=wait,
                before_sleep=self._count_retry,
                reraise=True,
            ):
                with attempt:
                    completion = await self._once(chat, messages, repair)
        except (openai.OpenAIError, TimeoutError, ConnectionError, NotChatError) as error:
            told = explained(error, self.url, self.usage.model, self._key)
            if isinstance(told, EndpointError) or (isinstance(told, GenerationError) and told.lasting):
                self._breaker.failed()
            else:
                self._breaker.succeeded()
            raise told from error
        self._breaker.succeeded()
        self._count_tokens(completion.usage)
        return completion.choices[0]

    async def _once(self, chat: Chat, messages: list[Message], repair: bool) -> ChatCompletion:
        while True:
            request = self._dialect.request(chat, repair=repair)
            self._take_off()
            try:
                async with asyncio.timeout(self.profile.timeout):
                    completion = await self._api.chat.completions.create(
                        model=self.usage.model, messages=messages, **request
                    )
            except openai.APIStatusError as error:
                if is_too_long(error) or not self._dialect.adapt(error, request):
                    raise
            except ValueError as error:  # a body that is no JSON
                raise NotChatError from error
            else:
                return checked_completion(completion)
            finally:
                self._land()

    def _gives_up(self, state: RetryCallState, tried: Counter[str]) -> bool:
        """Each kind of failure has its own patience: a rate limit is waited for longest, and what hung twice
        is not tried a third time, as each costs the whole timeout."""
        error = state.outcome.exception() if state.outcome else None
        most = self.profile.attempts
        if is_rate_limit(error):
            kind, most = "rate limit", most * _RATE_LIMIT_PATIENCE
        elif isinstance(error, openai.APITimeoutError | TimeoutError):
            kind, most = "hung", min(2, most)
        else:
            kind = "failed"
        tried[kind] += 1
        return tried[kind] >= most

    def _count_retry(self, state: RetryCallState) -> None:
        self.usage.retries += 1
        logger.debug("the LLM server is asked again after attempt %d", state.attempt_number)

    def _take_off(self) -> None:
        self.usage.requests += 1
        if self._flights == 0:
            self._took_off = time.perf_counter()
        self._flights += 1

    def _land(self) -> None:
        self._flights -= 1
        if self._flights == 0:
            self.usage.seconds += time.perf_counter() - self._took_off

    def _count_tokens(self, told: Any) -> None:
        """What the server told; some tell nothing, or not in numbers."""
        usage, profile = self.usage, self.profile
        prompt, completion = (getattr(told, f"{part}_tokens", None) for part in ("prompt", "completion"))
        usage.prompt_tokens += prompt if isinstance(prompt, int) else 0
        usage.completion_tokens += completion if isinstance(completion, int) else 0
        spent = usage.seconds + (time.perf_counter() - self._took_off if self._flights else 0.0)
        usage.tokens_per_second = round(usage.completion_tokens / max(spent, 1e-9), 1)
        usage.cost = (
            usage.prompt_tokens * profile.prompt_price + usage.completion_tokens * profile.completion_price
        ) / 1e6

    def _kept(self, key: Any) -> str | None:
        try:
            return self._cache.get(key) if self._cache else None
        except sqlite3.Error as error:
            self._lose_cache(error)
            return None

    def _keep(self, key: Any, text: str) -> None:
        try:
            if self._cache:
                self._cache.put(key, text)
        except sqlite3.Error as error:
            self._lose_cache(error)

    def _lose_cache(self, error: sqlite3.Error) -> None:
        assert self._cache is not None
        logger.warning("LLM answers are no longer kept: %s: %s", self._cache.path, error)
        self._cache.close()
        self._cache = None

    def _remember(self, error: ModelError) -> None:
        if error.what in self.usage.errors or len(self.usage.errors) < _KEPT_SENTENCES:
            self.usage.errors[error.what] = self.usage.errors.get(error.what, 0) + 1


def _first_line(error: ValueError) -> str:
    return " ".join(str(error).split("\n", 1)[0].split())[:200]
