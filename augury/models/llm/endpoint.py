"""Which server answers at an address, and which model it is asked for."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from typing import Any

import openai

from ...errors import EndpointError
from ...schemas.llm import LlmProfile, checked_address
from .faults import explained, passes

_NAMED = 8
_LIST_S = 30.0
_PROBE_S = 60.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``Endpoint(url, model, models, context)``: what a server said of itself.

    Attributes:
        models: those it lists; empty where it lists none.
        context: tokens of prompt and answer together, as vLLM tells; 0 where that is unknown.
    """

    url: str
    model: str
    models: tuple[str, ...] = ()
    context: int = 0


def key_and_address(profile: LlmProfile, api_key: str | None) -> tuple[str, str]:
    """The key and the address to use, from the profile or the environment.

    Raises:
        EndpointError: neither is there, or one of them cannot be used.
    """
    key = (api_key or os.environ.get("OPENAI_API_KEY", "")).strip()
    if not (key.isascii() and key.isprintable()):
        raise EndpointError("The key of the LLM server holds strange characters", "Set OPENAI_API_KEY anew")
    try:
        address = checked_address(profile.base_url or os.environ.get("OPENAI_BASE_URL", ""))
    except ValueError as error:
        raise EndpointError(
            f"The LLM server of --llm-url or OPENAI_BASE_URL cannot be used: {error}", "Mend the address"
        ) from error
    if not address and not key:
        raise EndpointError(
            "No LLM server is named",
            "Give --llm-url http://host:port/v1, or set OPENAI_BASE_URL (and OPENAI_API_KEY)",
        )
    return key, address


async def find_endpoint(api: openai.AsyncOpenAI, url: str, model: str, key: str) -> Endpoint:
    """Ask for the list of models; without one in hand, take the only one there is.

    Raises:
        EndpointError: nothing answers, the key or the model is refused, or it is no such server.
    """
    try:
        async with asyncio.timeout(_LIST_S):
            answer = await api.models.with_raw_response.list()
        listed = _listed(answer.http_response.text)
    except openai.APIStatusError as error:
        if error.status_code in (401, 403) or not (error.status_code in (404, 405) or passes(error)):
            told = explained(error, url, model, key)
            raise EndpointError(told.what, told.fix) from error
        listed = []
        if not passes(error):
            await _probe(api, url, model, key)
        elif not model:
            raise EndpointError(
                f"The LLM server {url} is busy or starting ({error.status_code})", "Try again in a minute"
            ) from error
    except (openai.OpenAIError, TimeoutError, ConnectionError) as error:
        told = explained(error, url, model, key)
        raise EndpointError(told.what, "See that it runs and that --llm-url is its address") from error
    if listed is None:
        raise _not_compatible(url)
    names = [str(entry["id"]) for entry in listed]
    if not model:
        model = _only(names, url)
    elif names and model not in names:
        raise EndpointError(
            f"The LLM server {url} has no model {model!r}",
            f"It has {_some(names)}; name one with --llm-model",
        )
    context = next((entry.get("max_model_len") for entry in listed if entry["id"] == model), 0)
    return Endpoint(url, model, tuple(names), context if isinstance(context, int) else 0)


async def _probe(api: openai.AsyncOpenAI, url: str, model: str, key: str) -> None:
    """Ask for one token, where a server has no list of models to tell it by."""
    try:
        async with asyncio.timeout(_PROBE_S):
            await api.chat.completions.create(
                model=model or "any", messages=[{"role": "user", "content": "Hello"}], max_tokens=1
            )
    except openai.APIStatusError as error:
        if error.status_code == 404 and not model:
            raise _not_compatible(url) from error
        if error.status_code in (401, 403, 404, 405):
            told = explained(error, url, model, key)
            raise EndpointError(told.what, told.fix) from error
    except (openai.OpenAIError, TimeoutError, ConnectionError, ValueError):
        return  # slow, or away by now: the run will tell


def _not_compatible(url: str) -> EndpointError:
    return EndpointError(
        f"What answers at {url} is not an OpenAI-compatible server",
        "Give the address of one; it usually ends in /v1",
    )


def _listed(text: str) -> list[dict[str, Any]] | None:
    try:
        body = json.loads(text)
    except ValueError:
        return None
    entries = body.get("data") if isinstance(body, dict) else None
    if not isinstance(entries, list):
        return None
    return [entry for entry in entries if isinstance(entry, dict) and "id" in entry]


def _only(names: list[str], url: str) -> str:
    if len(names) == 1:
        return names[0]
    if not names:
        raise EndpointError(f"The LLM server {url} lists no model", "Name one with --llm-model")
    raise EndpointError(
        f"No model is named and the LLM server {url} lists {len(names)}",
        f"Name one with --llm-model: {_some(names)}",
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
