"""What went wrong with a request: which failures pass, and the sentence for those that do not."""

from __future__ import annotations

import logging
import math
import re
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import openai
from openai.types.chat import ChatCompletion
from tenacity import RetryCallState, wait_random_exponential

from ...errors import EndpointError, GenerationError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping


class NotChatError(Exception):
    """An answer in a shape that is not OpenAI's."""


def checked_completion(completion: Any) -> ChatCompletion:
    """The completion if it has a message whose content is text or nothing; the library checks no types.

    Raises:
        NotChatError: it has not.
    """
    choices = completion.choices if isinstance(completion, ChatCompletion) else None
    if not isinstance(choices, list) or not choices:
        raise NotChatError
    message = getattr(choices[0], "message", None)
    if message is None or not isinstance(getattr(message, "content", None), str | None):
        raise NotChatError
    return completion  # type: ignore[no-any-return]


logger = logging.getLogger(__name__)

_PASSING = frozenset({408, 425, 429})
_LONGEST_WAIT_S = 60.0
_SAID_CHARS = 200
_TOO_LONG = re.compile(
    r"context.{0,20}(length|window|size)|max(imum)?[_ ]model[_ ]len|too many tokens|prompt is too long"
    r"|longer than the maximum|exceeds? the (available|maximum) ",
    re.IGNORECASE,
)
_backoff = wait_random_exponential(multiplier=0.5, max=20)


def is_rate_limit(error: BaseException | None) -> bool:
    """Whether the server asked to be asked less often, which is no failure of it."""
    return isinstance(error, openai.APIStatusError) and error.status_code == 429


def passes(error: BaseException) -> bool:
    """Whether the same request may succeed later: a busy server, or one that is away for a moment."""
    if isinstance(error, openai.APIStatusError):
        if getattr(error, "code", None) == "insufficient_quota":
            return False
        return error.status_code in _PASSING or error.status_code >= 500
    return isinstance(error, openai.APIConnectionError | TimeoutError | ConnectionError)


def wait(state: RetryCallState) -> float:
    """Seconds to the next try: what the server asks for in Retry-After, else exponential with jitter."""
    error = state.outcome.exception() if state.outcome else None
    asked = retry_after(error.response.headers) if isinstance(error, openai.APIStatusError) else None
    return _backoff(state) if asked is None else asked


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The header's seconds, or those until its date; a minute at most."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = date.timestamp() - time.time()
    if not math.isfinite(seconds):
        return None
    return min(max(seconds, 0.0), _LONGEST_WAIT_S)


def is_too_long(error: openai.APIStatusError) -> bool:
    """Whether the server says that the text does not fit the model's context."""
    if error.status_code not in (400, 413, 422):
        return False
    code = getattr(error, "code", None)
    return code == "context_length_exceeded" or bool(_TOO_LONG.search(str(error)))


def explained(error: Exception, url: str, model: str, key: str) -> ModelError:
    """The error as a sentence with its next step; the key never shows."""
    if isinstance(error, openai.APIStatusError):
        status = error.status_code
        if status in (401, 403):
            return EndpointError(
                f"The LLM server {url} refused the key ({status})",
                "Set OPENAI_API_KEY to one that it takes",
            )
        if status == 404:
            return EndpointError(
                f"The LLM server {url} has no model {model!r}, or no chat completions at this address",
                "See which models it has: augury llm check; the address usually ends in /v1",
            )
        if getattr(error, "code", None) == "insufficient_quota":
            return EndpointError(
                f"The LLM server {url} says that the quota of this key is used up",
                "Use another key, or raise the quota",
            )
        if is_too_long(error):
            return GenerationError(
                "The text is longer than the model's context",
                "Serve the model with a longer context, or cut documents smaller with --chunk-max",
                too_long=True,
            )
        said = said_by(error, key)
        if passes(error):
            return GenerationError(
                f"The LLM server {url} kept failing ({status}: {said})",
                "Wait until it has recovered, then run it again (an ingest with --repair)",
                lasting=True,
            )
        return GenerationError(f"The LLM server {url} refused a request ({status}: {said})", _SETTINGS)
    if isinstance(error, openai.APITimeoutError | TimeoutError):
        return GenerationError(
            f"The LLM server {url} did not answer in time",
            "See that it runs (augury llm check), or give it longer with --llm-timeout",
            lasting=True,
        )
    if isinstance(error, openai.APIConnectionError | ConnectionError):
        return GenerationError(
            f"The LLM server {url} cannot be reached ({_cause(error, key)})",
            "See that it runs and that its address is right: augury llm check",
            lasting=True,
        )
    return GenerationError(
        f"The LLM server {url} gave an answer that is not OpenAI's chat format",
        "Name an OpenAI-compatible server; the address usually ends in /v1",
        lasting=True,
    )


def as_generation_error(error: Exception) -> GenerationError:
    """One request's failure, whatever it was: the others are counted and not stopped."""
    if isinstance(error, GenerationError):
        return error
    if isinstance(error, ModelError):
        return GenerationError(error.what, error.fix, lasting=True)
    logger.debug("a request to the LLM failed", exc_info=error)
    return GenerationError(
        f"A request to the LLM failed ({type(error).__name__})", "See what it says with logging at DEBUG"
    )


def said_by(error: openai.APIStatusError, key: str) -> str:
    """The server's own words: one short line without the key."""
    body = error.body
    message = body.get("message") if isinstance(body, dict) else None
    return _redacted(str(message or error.message), key)


_SETTINGS = "See what the server allows, and change the model or its settings"


def _cause(error: BaseException, key: str) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return _redacted(str(error), key) or type(error).__name__


def _redacted(text: str, key: str) -> str:
    line = " ".join(text.split())
    return (line.replace(key, "***") if key else line)[:_SAID_CHARS]
