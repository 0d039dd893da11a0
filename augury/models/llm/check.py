"""What a server can do, and how fast: one answer, one schema, then many answers at once."""

from __future__ import annotations

import json
import time

from ...errors import GenerationError
from ...schemas.llm import EndpointReport, EndpointSpeed, Sampling
from .chat import Chat
from .client import LlmClient

_WORDS = ("quince", "sextant", "obelisk")
_SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string", "enum": list(_WORDS)}},
    "required": ["word"],
    "additionalProperties": False,
}
_TOPICS = ("rivers", "clocks", "bread", "bridges", "maps", "glass", "wind", "salt")


def check_endpoint(llm: LlmClient, tokens: int = 64) -> EndpointReport:
    """``check_endpoint(LlmClient(profile))`` asks a few small things and reports.

    Raises:
        EndpointError, GenerationError: the server cannot be used, or gives no answer at all.
    """
    endpoint = llm.connect()
    started = time.perf_counter()
    llm.answer(_question("bread", 8, 0), str)
    first = time.perf_counter() - started
    enforces = _enforces_schema(llm)
    llm.submit(llm.count("How many tokens is this?")).result()
    most = llm.profile.concurrency
    speeds = [_speed(llm, at_once, tokens) for at_once in sorted({1, min(8, most), most})]
    return EndpointReport(
        url=endpoint.url,
        model=endpoint.model,
        models=list(endpoint.models),
        context=endpoint.context,
        first_answer_ms=round(1000 * first, 1),
        enforces_schema=enforces,
        counts_tokens=llm.counts_tokens,
        speeds=speeds,
    )


def _enforces_schema(llm: LlmClient) -> bool:
    """Whether an answer has the schema's shape although the question asks for another."""
    chat = Chat(
        system="",
        template="{text}",
        text="Say hello to me in one short sentence of plain prose.",
        sampling=Sampling(max_tokens=32),
        schema=_SCHEMA,
        whole=False,
    )
    try:
        answer = llm.answer(chat, str)
        return json.loads(answer)["word"] in _WORDS and llm.schema == "whole"
    except (GenerationError, ValueError, KeyError, TypeError):
        return False


def _speed(llm: LlmClient, at_once: int, tokens: int) -> EndpointSpeed:
    """Tokens a second over as many equal requests as may be in flight at once."""
    before = llm.usage.completion_tokens
    started = time.perf_counter()
    futures = [
        llm.submit(llm.ask(_question(_TOPICS[n % len(_TOPICS)], tokens, at_once + n), str))
        for n in range(at_once)
    ]
    for future in futures:
        try:
            future.result()
        except GenerationError:
            continue  # counted in usage; the others are timed
    written = llm.usage.completion_tokens - before
    rate = written / (time.perf_counter() - started)
    return EndpointSpeed(concurrency=at_once, tokens_per_second=round(rate, 1))


def _question(topic: str, tokens: int, seed: int) -> Chat:
    sampling = Sampling(max_tokens=tokens, temperature=1.0, seed=seed)
    return Chat(
        system="",
        template="Write a long essay about {text}.",
        text=topic,
        sampling=sampling,
        whole=False,
    )
