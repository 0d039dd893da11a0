"""Cutting texts by the model's own tokens."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import openai

from .faults import passes

logger = logging.getLogger(__name__)

_PATIENCE_S = 30.0
_CHARS_PER_TOKEN = 4  # where a server does not count
_LONGEST_TOKEN = 16  # characters; longer runs of blanks exist, but not a text of them


class Tokens:
    """``await tokens.cut(text, 1000)``: the beginning of the text that has at most 1000 tokens.

    Counted by the server itself where it offers ``/tokenize`` and ``/detokenize`` as vLLM does; elsewhere
    guessed at 4 characters a token.
    """

    def __init__(self, api: openai.AsyncOpenAI, model: str) -> None:
        self._api = api
        self._model = model
        self._root = str(api.base_url).rstrip("/").removesuffix("/v1")
        self.counted = True

    async def cut(self, text: str, most: int) -> str:
        """The text itself where it is short enough."""
        if len(text.encode()) <= most:  # no token is less than a byte
            return text
        start = text[: most * _LONGEST_TOKEN]
        tokens = await self.of(start)
        if tokens is None:
            return text[: most * _CHARS_PER_TOKEN]
        if len(tokens) <= most and len(start) == len(text):
            return text
        answer = await self._ask("detokenize", {"model": self._model, "tokens": tokens[:most]})
        if answer is None or not isinstance(answer.get("prompt"), str):
            return text[: most * _CHARS_PER_TOKEN]
        return str(answer["prompt"]).rstrip("\ufffd")

    async def count(self, text: str) -> int:
        """How many tokens a text has, or about how many."""
        tokens = await self.of(text)
        return len(text) // _CHARS_PER_TOKEN + 1 if tokens is None else len(tokens)

    async def of(self, text: str) -> list[int] | None:
        """The text's tokens, where the server can tell."""
        answer = await self._ask(
            "tokenize", {"model": self._model, "prompt": text, "add_special_tokens": False}
        )
        tokens = answer.get("tokens") if answer else None
        return tokens if isinstance(tokens, list) else None

    async def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        if not self.counted:
            return None
        try:
            async with asyncio.timeout(_PATIENCE_S):
                answer = await self._api.post(f"{self._root}/{path}", cast_to=object, body=body)
        except openai.APIStatusError as error:
            if not passes(error):
                self.counted = False
                logger.info("the LLM server counts no tokens; texts are cut at %d a token", _CHARS_PER_TOKEN)
            return None
        except (openai.OpenAIError, TimeoutError, ConnectionError, ValueError):
            return None
        if isinstance(answer, dict):
            return answer
        self.counted = False
        return None
