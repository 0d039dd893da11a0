"""A server that speaks OpenAI's chat API and misbehaves on request; what it says is up to a function.

    with LlmServer(scenario_reply, fault=sequence(status(429), reset())) as server:
        client = AsyncOpenAI(base_url=server.url, api_key="none", max_retries=0)

Here the first request gets a 429, the second a connection reset, and all others scenarios.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Literal, Self

from tests.llm_exchange import POLL_S, Body, Exchange, Listener, text_of

SHUTDOWN_S = 1.0


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one answer. ``str(fault)`` makes a test id, as in ``ids=str``."""

    name: str
    act: Callable[[Exchange], None] = field(repr=False)

    def __str__(self) -> str:
        return self.name


FaultPlan = Callable[[int, Body], Fault | None]


def sequence(*faults: Fault | None) -> FaultPlan:
    """``sequence(status(500), None, reset())``: the first requests get these, all later ones are fine."""
    return lambda number, body: faults[number] if number < len(faults) else None


def always(fault: Fault) -> FaultPlan:
    """``always(hang())``: every request gets it."""
    return lambda number, body: fault


def status(
    code: int, *, retry_after: str | None = None, error: str | None = None, message: str = "Told to fail."
) -> Fault:
    """``status(429, retry_after="0")``; ``error`` is the error's code, such as ``insufficient_quota``."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Fault(f"status({code})", lambda x: x.refuse(code, message, code=error, headers=headers))


def hang(seconds: float = math.inf) -> Fault:
    """``hang()``: accepts and never answers. With ``seconds`` the line is closed after that long."""

    def act(exchange: Exchange) -> None:
        exchange.pause(seconds)
        exchange.drop()

    return Fault("hang()", act)


def slow(seconds: float) -> Fault:
    """``slow(0.5)``: the right answer, that much later."""

    def act(exchange: Exchange) -> None:
        if exchange.pause(seconds):
            exchange.complete(exchange.replies())

    return Fault(f"slow({seconds})", act)


def truncated() -> Fault:
    """``truncated()``: half of the reply, and ``finish_reason`` says ``length``."""

    def act(exchange: Exchange) -> None:
        exchange.complete([reply[: len(reply) // 2] for reply in exchange.replies()], "length")

    return Fault("truncated()", act)


def endless_whitespace(every: float = 0.05) -> Fault:
    """``endless_whitespace()``: a blank every ``every`` seconds, for ever, so no read times out."""

    def act(exchange: Exchange) -> None:
        exchange.send_head(
            200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}, last=False
        )
        while exchange.pause(every):
            exchange.wfile.write(b"1\r\n \r\n")
        exchange.drop()

    return Fault("endless_whitespace()", act)


def body(text: str | None, finish_reason: str = "stop") -> Fault:
    """``body("Sure! ...")``: a completion with this content, or with null for ``None``."""
    return Fault(f"body({text!r})", lambda x: x.complete([text] * x.choices, finish_reason))


def raw(text: str, content_type: str = "text/html") -> Fault:
    """``raw("<html>Welcome</html>")``: answers 200 with something that is no completion."""
    return Fault(f"raw({content_type})", lambda x: x.send(200, text.encode(), {"Content-Type": content_type}))


def reset() -> Fault:
    """``reset()``: the connection is reset (TCP RST) without an answer."""
    return Fault("reset()", lambda x: x.drop(reset=True))


def empty() -> Fault:
    """``empty()``: a completion without choices."""
    return Fault("empty()", lambda x: x.complete([]))


def ok(request: Body) -> str:
    """Says "ok" to everything."""
    return "ok"


def scenario_reply(request: Body) -> str:
    """Scenarios as JSON, made of the words between ``<document>`` and ``</document>``."""
    said = next(text_of(m) for m in reversed(request["messages"]) if m["role"] == "user")
    document = re.search(r"<document[^>]*>(.*)</document>", said, re.DOTALL)
    words = (document[1] if document else said).split() or ["nothing"]

    def phrase(start: int, length: int) -> str:
        return " ".join(words[i % len(words)] for i in range(start, start + min(length, len(words))))

    scenarios = [
        {
            "information_need": f"A user wants to know about {phrase(i, 6)}",
            "explanation": f"The document tells of {phrase(i, 3)}",
        }
        for i in range(0, 9, 3)
    ]
    return json.dumps(
        {
            "verdict": "content",
            "main_topic": phrase(0, 5),
            "key_points": [phrase(0, 8), phrase(4, 8)],
            "scenarios": scenarios,
        }
    )


class LlmServer:
    """``with LlmServer(scenario_reply, fault=always(hang())) as server: server.url``

    Args:
        reply: makes the answer from the request's body.
        model: the one model there is; any other name gets a 404.
        key: requests without it as a bearer token get a 401.
        fault: asked before each chat answer with the number of the request, from 0, and its body.
        tokenize: whether ``/tokenize`` and ``/detokenize`` are there, as with vLLM; a word is a token.
        context: tokens of the longest prompt; a longer one gets a 400.
        like: whose error bodies are sent. vLLM's hold no code but the status.
        port: where to listen, 0 for any free port. ``LlmServer(port=dead.port)`` brings one back.

    Attributes:
        requests, headers: bodies and headers (lower-case names) of the chat requests, as they arrived.
        peak: most chat requests in flight at once. One that hangs counts until its client has hung up.

    What ``reply`` or ``fault`` raises is answered with a 500, and raised at the end of the ``with`` block.
    """

    def __init__(
        self,
        reply: Callable[[Body], str] = ok,
        *,
        model: str = "tiny",
        key: str | None = None,
        fault: FaultPlan | None = None,
        tokenize: bool = False,
        context: int | None = None,
        like: Literal["openai", "vllm"] = "openai",
        port: int = 0,
    ) -> None:
        self.reply, self.model, self.key, self.fault = reply, model, key, fault
        self.tokenize, self.context, self.like = tokenize, context, like
        self.requests: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self.peak = 0
        self.failures: list[Exception] = []
        self._vocabulary: dict[str, int] = {}
        self._lock = Lock()
        self.stopping = Event()
        self._in_flight = 0
        self._listener = Listener(self, port)
        self.port = self._listener.server_port
        self.url = f"http://127.0.0.1:{self.port}/v1"
        Thread(target=self._listener.serve_forever, args=(POLL_S,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._listener.wait_until_quiet(SHUTDOWN_S)
        if self.failures and error is None:
            raise self.failures[0]

    def stop(self) -> None:
        """Dies: no answer is sent any more, new connections are refused, open ones are closed.

        May be called more than once, and from ``reply`` and ``fault`` as well.
        """
        self.stopping.set()
        self._listener.shutdown()
        self._listener.server_close()
        self._listener.hang_up()

    def arrived(self, request: Body, headers: dict[str, str]) -> int:
        """Notes a chat request and gives its number."""
        with self._lock:
            self.requests.append(request)
            self.headers.append(headers)
            self._in_flight += 1
            self.peak = max(self.peak, self._in_flight)
            return len(self.requests) - 1

    def left(self) -> None:
        """One chat request is no longer in flight."""
        with self._lock:
            self._in_flight -= 1

    def tokens(self, words: list[str]) -> list[int]:
        """An id for each word, the same whenever it comes."""
        with self._lock:
            return [self._vocabulary.setdefault(word, len(self._vocabulary)) for word in words]

    def words(self, tokens: list[int]) -> list[str]:
        """The words of these ids."""
        with self._lock:
            known = list(self._vocabulary)
        return [known[token] for token in tokens]
