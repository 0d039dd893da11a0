"""The HTTP side of the misbehaving LLM server: routes, refusals in two dialects, sockets that can be cut."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.llm_server import LlmServer

Body = dict[str, Any]
POLL_S = 0.02
"""How soon a waiting handler notices that its client or the server is gone."""
DEFAULT_CONTEXT = 32_768
OPENAI_ERRORS: dict[int, tuple[str, str | None]] = {
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


def text_of(message: Mapping[str, Any]) -> str:
    """``text_of({"role": "user", "content": "hello"})``: what a chat message says, parts joined."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


class Listener(ThreadingHTTPServer):
    """``Listener(llm, 0)`` listens on a free port and knows its open connections."""

    request_queue_size = 128

    def __init__(self, llm: LlmServer, port: int) -> None:
        self.llm = llm
        self._open: set[socket.socket] = set()
        self._changed = Condition()
        super().__init__(("127.0.0.1", port), Exchange)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        with self._changed:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Closes without the goodbye of the base class, which would come before a reset."""
        with self._changed:
            self._open.discard(request)
            request.close()
            self._changed.notify_all()

    def hang_up(self) -> None:
        """Ends every connection; handlers that read or write wake up."""
        with self._changed:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def wait_until_quiet(self, seconds: float) -> None:
        """Returns when the last connection is closed, or after ``seconds``."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open, seconds)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Quiet: what clients do to their connections is no failure here."""


class Exchange(BaseHTTPRequestHandler):
    """One connection. Faults use ``complete``, ``refuse``, ``send``, ``pause`` and ``drop``."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Listener

    def setup(self) -> None:
        super().setup()
        self.llm = self.server.llm
        self.body: Body = {}
        self._in_flight = False

    @property
    def choices(self) -> int:
        """How many answers the request wants."""
        return self.body.get("n") or 1

    def replies(self) -> list[str]:
        """The right answers."""
        return [self.llm.reply(self.body) for _ in range(self.choices)]

    def complete(self, contents: Sequence[str | None], finish_reason: str = "stop") -> None:
        """Answers with a completion of one choice per content; a word is a token."""
        prompt, completion = len(self._prompt()), sum(len((content or "").split()) for content in contents)
        answer = {
            "id": f"chatcmpl-{time.monotonic_ns()}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": self.llm.model,
            "choices": [
                {
                    "index": index,
                    "message": {"role": "assistant", "content": content, "refusal": None},
                    "logprobs": None,
                    "finish_reason": finish_reason,
                }
                for index, content in enumerate(contents)
            ],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "total_tokens": prompt + completion,
            },
        }
        self.send(200, answer)

    def refuse(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answers with an error as OpenAI or as vLLM words it."""
        error: object
        if self.llm.like == "vllm":
            phrase = self.responses.get(status, ("Unknown", ""))[0].replace(" ", "")
            kind = f"{phrase}Error".replace("ErrorError", "Error")
            error = {"message": message, "type": kind, "param": param, "code": status}
            error = "Unauthorized" if status == 401 else error
        else:
            fallback = "server_error" if status >= 500 else "invalid_request_error"
            kind, usual = OPENAI_ERRORS.get(status, (fallback, None))
            kind = code if code == "insufficient_quota" else kind
            error = {"message": message, "type": kind, "param": param, "code": code or usual}
        self.send(status, {"error": error}, headers or {})

    def send(self, status: int, payload: Body | bytes, headers: Mapping[str, str] | None = None) -> None:
        """Answers in full, unless the server has died meanwhile."""
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        length = {"Content-Type": "application/json", "Content-Length": str(len(data))}
        if self.send_head(status, length | dict(headers or {})):
            self.wfile.write(data)

    def send_head(self, status: int, headers: Mapping[str, str], *, last: bool = True) -> bool:
        """Sends status and headers; ``last`` says that nothing is left to wait for."""
        if self.llm.stopping.is_set():
            self.drop()
            return False
        if last:
            self._land()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        return True

    def pause(self, seconds: float) -> bool:
        """Waits; returns False, and early, when the client or the server is gone."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.llm.stopping.wait(min(left, POLL_S)) or self._client_gone():
                return False
        return True

    def drop(self, *, reset: bool = False) -> None:
        """Closes the connection after this; ``reset`` sends an RST in place of a goodbye."""
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _client_gone(self) -> bool:
        try:
            return not self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _land(self) -> None:
        """Before the answer leaves, so that a client's next request never overlaps with this one."""
        if self._in_flight:
            self._in_flight = False
            self.llm.left()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._route({"/v1/models": self._models})

    def do_POST(self) -> None:
        routes = {"/v1/chat/completions": self._chat}
        if self.llm.tokenize:
            routes |= {"/tokenize": self._tokenize, "/detokenize": self._detokenize}
        self._route(routes)

    def _route(self, routes: Mapping[str, Callable[[], None]]) -> None:
        try:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.body = json.loads(sent or b"{}")
            route = routes.get(self.path)
            if route is None:
                self.send(404, {"detail": "Not Found"})
            else:
                route()
        except ConnectionError:
            self.drop()
        except Exception as error:
            self.llm.failures.append(error)
            with suppress(ConnectionError):
                self.refuse(500, repr(error))
        finally:
            self._land()

    def _models(self) -> None:
        if self._admitted():
            card: Body = {"id": self.llm.model, "object": "model", "created": 0, "owned_by": "tests"}
            if self.llm.context is not None:
                card["max_model_len"] = self.llm.context
            self.send(200, {"object": "list", "data": [card]})

    def _chat(self) -> None:
        number = self.llm.arrived(self.body, {name.lower(): value for name, value in self.headers.items()})
        self._in_flight = True
        if not self._admitted():
            return
        fault = self.llm.fault(number, self.body) if self.llm.fault else None
        if fault:
            fault.act(self)
        elif self.body.get("stream"):
            self.refuse(400, "Streaming is not supported.", param="stream")
        elif self._known_model() and self._fits():
            self.complete(self.replies())

    def _tokenize(self) -> None:
        if self._admitted() and self._known_model():
            tokens = self.llm.tokens(self.body["prompt"].split() if "prompt" in self.body else self._prompt())
            limit = DEFAULT_CONTEXT if self.llm.context is None else self.llm.context
            self.send(200, {"count": len(tokens), "max_model_len": limit, "tokens": tokens})

    def _detokenize(self) -> None:
        if self._admitted() and self._known_model():
            self.send(200, {"prompt": " ".join(self.llm.words(self.body["tokens"]))})

    def _prompt(self) -> list[str]:
        return [word for message in self.body.get("messages", []) for word in text_of(message).split()]

    def _admitted(self) -> bool:
        if self.llm.key is None or self.headers.get("Authorization") == f"Bearer {self.llm.key}":
            return True
        self.refuse(401, "Incorrect API key provided.")
        return False

    def _known_model(self) -> bool:
        model = self.body.get("model", self.llm.model)
        if model == self.llm.model:
            return True
        aliases = f" Valid aliases: {self.llm.model}." if self.llm.like == "vllm" else ""
        self.refuse(404, f"The model `{model}` does not exist.{aliases}", param="model")
        return False

    def _fits(self) -> bool:
        limit, prompt = self.llm.context, len(self._prompt())
        if limit is None or prompt <= limit:
            return True
        says = f"This model's maximum context length is {limit} tokens. However, "
        if self.llm.like == "vllm":  # stops counting one past its limit
            more = limit + 1
            says += (
                f"your prompt contains at least {more} input tokens, which exceeds this limit even without"
                " any output tokens. Please reduce the length of the input prompt."
                f" (parameter=input_tokens, value={more})"
            )
            self.refuse(400, says, param="input_tokens")
        else:
            answer = self.body.get("max_completion_tokens") or self.body.get("max_tokens") or 0
            says += (
                f"you requested {prompt + answer} tokens ({prompt} in the messages, {answer} in the"
                " completion). Please reduce the length of the messages or completion."
            )
            self.refuse(400, says, code="context_length_exceeded", param="messages")
        return False
