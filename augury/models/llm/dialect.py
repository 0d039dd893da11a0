"""What a server understands of a request; learned from what it refuses."""

from __future__ import annotations

import re
from typing import Any

import openai

from .chat import Chat

_LENGTHS = ("maxLength", "minLength", "maxItems", "minItems")
_WHOLE, _LAX, _NONE = range(3)
_ABOUT_SCHEMA = re.compile(r"schema|response_format|grammar|structured|guided|m(ax|in)(length|items)")
_REFUSED = r"(['\"`]{name}['\"`]|\b{name}: )|(unsupported|unknown|unrecognized)[^.]*\b{name}\b"
_SAID_CHARS = 500
_REPAIR_TEMPERATURE = 0.7  # the same sampling would give the same answer


class Dialect:
    """``dialect.request(chat)`` is what to send beside model and messages.

    Servers differ: some refuse lengths in a JSON schema, some any schema, some a seed or a temperature, and
    newer models of OpenAI call ``max_tokens`` otherwise. What is refused once is left out from then on.
    """

    def __init__(self) -> None:
        self._schema = _WHOLE
        self._limit = "max_tokens"
        self._left_out: set[str] = set()

    @property
    def schema(self) -> str:
        """How schemas are sent by now: ``whole``, ``without lengths`` or ``not at all``."""
        return ("whole", "without lengths", "not at all")[self._schema]

    def request(self, chat: Chat, *, repair: bool = False) -> dict[str, Any]:
        """Sampling and response format."""
        sampling = chat.sampling
        request: dict[str, Any] = {self._limit: sampling.max_tokens}
        temperature = max(sampling.temperature, _REPAIR_TEMPERATURE) if repair else sampling.temperature
        options: dict[str, Any] = {"temperature": temperature, "top_p": sampling.top_p}
        if sampling.seed is not None:
            options["seed"] = sampling.seed + chat.draw
        request.update({name: value for name, value in options.items() if name not in self._left_out})
        if chat.schema is not None and self._schema != _NONE:
            schema = chat.schema if self._schema == _WHOLE else without_lengths(chat.schema)
            request["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": schema},
            }
        return request

    def adapt(self, error: openai.APIStatusError, request: dict[str, Any]) -> bool:
        """Whether a request that was refused can be put in another way; if so, it will be."""
        if error.status_code not in (400, 422):
            return False
        said = str(error).lower()[:_SAID_CHARS]  # beyond, servers may repeat the request
        if "max_completion_tokens" in said and "max_tokens" in request:
            self._limit = "max_completion_tokens"
            return True
        for name in ("temperature", "top_p", "seed"):
            named = error.param == name or re.search(_REFUSED.format(name=name), said)
            if named and name in request:
                self._left_out.add(name)
                return True
        if "response_format" in request and _ABOUT_SCHEMA.search(said):
            sent = request["response_format"]["json_schema"]["schema"]
            level = _NONE if sent == without_lengths(sent) else _LAX
            self._schema = max(self._schema, level)  # others in flight may have come further
            return True
        return False


def without_lengths(schema: Any) -> Any:
    """The schema without limits of strings and lists, which strict modes may not know."""
    if isinstance(schema, dict):
        return {name: without_lengths(value) for name, value in schema.items() if name not in _LENGTHS}
    return [without_lengths(value) for value in schema] if isinstance(schema, list) else schema
