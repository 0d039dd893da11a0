"""The LLM client against a server that misbehaves: what it tries again, gives up, keeps and says."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import CancelledError
from email.utils import formatdate
from typing import Any

import pytest

from augury.connector.ingest.chunk import chunk
from augury.connector.ingest.generator import ScenarioGenerator
from augury.errors import EndpointError, GenerationError
from augury.models.llm.chat import Chat
from augury.models.llm.faults import retry_after
from augury.schemas.document import Document
from augury.schemas.llm import LlmProfile, Sampling
from augury.schemas.profile import ChunkProfile, GenerationProfile
from tests.llm_server import (
    Fault,
    LlmServer,
    always,
    body,
    empty,
    endless_whitespace,
    hang,
    raw,
    reset,
    sequence,
    slow,
    status,
    truncated,
)

from .conftest import MakeClient

SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string", "maxLength": 9}},
    "required": ["word"],
    "additionalProperties": False,
}


def chat(text: str = "some text", **changes: Any) -> Chat:
    return Chat(
        system="Be brief.", template="Text: {text}", text=text, sampling=Sampling(max_tokens=9), **changes
    )


def word(text: str) -> str:
    try:
        return str(json.loads(text)["word"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("it holds no word") from error


def test_a_request_carries_messages_sampling_schema_and_key(make_client: MakeClient) -> None:
    with LlmServer(lambda _: '{"word": "yes"}', key="secret") as server:
        client = make_client(server.url, key="secret")
        assert client.answer(chat(schema=SCHEMA), word) == "yes"
        (sent,) = server.requests
    assert sent["model"] == "tiny"
    assert sent["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Text: some text"},
    ]
    assert (sent["max_tokens"], sent["temperature"]) == (9, 0)
    assert "seed" not in sent  # unless one is set
    assert sent["response_format"]["json_schema"] == {"name": "answer", "strict": True, "schema": SCHEMA}


@pytest.mark.parametrize(
    "faults",
    [
        [status(429, retry_after="0")] * 3,
        [status(408), status(425), status(503)],
        [reset()],
        [status(500), reset(), status(502)],
    ],
    ids=str,
)
def test_what_passes_is_tried_again(make_client: MakeClient, faults: list[Fault]) -> None:
    with LlmServer(fault=sequence(*faults)) as server:
        client = make_client(server.url)
        assert client.answer(chat(), str) == "ok"
    assert client.usage.retries == len(faults)
    assert client.usage.requests == len(faults) + 1
    assert (client.usage.answered, client.usage.failed) == (1, 0)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 422])
def test_what_does_not_pass_is_not_tried_again(make_client: MakeClient, code: int) -> None:
    with LlmServer(fault=always(status(code))) as server:
        client = make_client(server.url)
        with pytest.raises(GenerationError):
            client.answer(chat(), str)
        assert len(server.requests) == 1
    assert (client.usage.answered, client.usage.failed) == (0, 1)


def test_a_used_up_quota_is_not_waited_for(make_client: MakeClient) -> None:
    with LlmServer(fault=always(status(429, error="insufficient_quota"))) as server:
        client = make_client(server.url)
        with pytest.raises(GenerationError, match="quota"):
            client.answer(chat(), str)
        assert len(server.requests) == 1


def test_retry_after_is_seconds_or_a_date_and_a_minute_at_most() -> None:
    assert retry_after({"retry-after": "3"}) == 3
    assert retry_after({"retry-after": "9999"}) == 60
    assert 0 < (retry_after({"retry-after": formatdate(time.time() + 30)}) or 0) <= 30
    assert retry_after({"retry-after": formatdate(0)}) == 0
    assert retry_after({}) is None
    assert retry_after({"retry-after": "soon"}) is None


@pytest.mark.parametrize("fault", [hang(), endless_whitespace()], ids=str)
def test_a_request_ends_at_its_deadline_whatever_is_sent(make_client: MakeClient, fault: Fault) -> None:
    with LlmServer(fault=always(fault)) as server:
        client = make_client(server.url, timeout=0.3)
        with pytest.raises(GenerationError, match="did not answer in time"):
            client.answer(chat(), str)
        assert len(server.requests) == 2  # and not a third time


@pytest.mark.parametrize(
    "fault", [raw("<html>Welcome</html>"), raw("{", "application/json"), empty()], ids=str
)
def test_an_answer_that_is_no_completion_is_told(make_client: MakeClient, fault: Fault) -> None:
    with (
        LlmServer(fault=always(fault)) as server,
        pytest.raises(GenerationError, match="not OpenAI's chat format"),
    ):
        make_client(server.url).answer(chat(), str)


@pytest.mark.parametrize(
    "fault",
    [truncated(), body("Sure!"), body('{"words": 1}'), body(None), body(" " * 500, "length")],
    ids=str,
)
def test_an_unusable_answer_is_asked_for_once_more(make_client: MakeClient, fault: Fault) -> None:
    with LlmServer(lambda _: '{"word": "yes"}', fault=sequence(fault)) as server:
        client = make_client(server.url)
        assert client.answer(chat(schema=SCHEMA), word) == "yes"
        first, second = server.requests
    assert client.usage.repairs == 1
    assert "could not be used" in second["messages"][-1]["content"]
    assert second["temperature"] > first["temperature"]
    with LlmServer(fault=always(fault)) as server:
        client = make_client(server.url)
        with pytest.raises(GenerationError, match="cannot be used, even when it is asked again"):
            client.answer(chat(schema=SCHEMA), word)
        assert len(server.requests) == 2
    assert (client.usage.failed, client.usage.invalid) == (1, 1)


def test_free_text_may_be_cut_off_by_its_limit(make_client: MakeClient) -> None:
    with LlmServer(lambda _: "half a sent", fault=always(body("half a sent", "length"))) as server:
        assert make_client(server.url).answer(chat(whole=False), str) == "half a sent"


def test_answers_are_kept_by_text_model_prompt_and_sampling(make_client: MakeClient) -> None:
    with LlmServer(lambda sent: f"answer {len(server.requests)}") as server:
        client = make_client(server.url, cached=True)
        assert client.answer(chat(), str) == "answer 1"
        assert client.answer(chat(), str) == "answer 1"
        assert make_client(server.url, cached=True).answer(chat(), str) == "answer 1"
        assert len(server.requests) == 1
        others = [
            chat("other text"),
            chat(schema=SCHEMA),
            chat(text_tokens=7),
            Chat("Be brief.", "Text: {text}", "some text", Sampling(max_tokens=8)),
            Chat("Be long.", "Text: {text}", "some text", Sampling(max_tokens=9)),
        ]
        assert [client.answer(other, str) for other in others] == [f"answer {n}" for n in range(2, 7)]
    assert (client.usage.cached, client.usage.answered) == (1, 6)


def test_what_cannot_be_used_is_not_kept(make_client: MakeClient) -> None:
    with LlmServer(lambda _: '{"word": "yes"}', fault=sequence(body("no"), body("no"))) as server:
        client = make_client(server.url, cached=True)
        with pytest.raises(GenerationError):
            client.answer(chat(), word)
        assert client.answer(chat(), word) == "yes"


def test_no_more_requests_are_in_flight_than_allowed(make_client: MakeClient) -> None:
    with LlmServer(fault=always(slow(0.05))) as server:
        client = make_client(server.url, concurrency=3)
        client.connect()
        futures = [client.submit(client.ask(chat(str(n)), str)) for n in range(12)]
        assert [future.result() for future in futures] == ["ok"] * 12
        assert server.peak == 3


def test_a_dead_endpoint_is_left_alone_after_some_failures(make_client: MakeClient) -> None:
    with LlmServer() as server:
        client = make_client(server.url, breaker=3, attempts=1, concurrency=1)
        client.connect()
    sentences = []
    for n in range(6):
        with pytest.raises(GenerationError) as caught:
            client.answer(chat(str(n)), str)
        sentences.append(caught.value.what)
    assert all("cannot be reached" in sentence for sentence in sentences[:3])
    assert all("was not asked again" in sentence for sentence in sentences[3:])
    assert client.usage.requests == 3
    assert sum(client.usage.errors.values()) == client.usage.failed == 6


def test_a_refused_text_does_not_open_the_breaker(make_client: MakeClient) -> None:
    with LlmServer(fault=lambda number, _: status(400) if number < 4 else None) as server:
        client = make_client(server.url, breaker=2)
        for n in range(4):
            with pytest.raises(GenerationError, match="refused a request"):
                client.answer(chat(str(n)), str)
        assert client.answer(chat(), str) == "ok"


def test_a_text_longer_than_the_context_is_cut_by_its_tokens(make_client: MakeClient) -> None:
    text = " ".join(f"word{n}" for n in range(3000))
    with LlmServer(tokenize=True, context=500) as server:
        assert make_client(server.url).answer(chat(text), str) == "ok"
        (sent,) = server.requests  # counted first, so nothing was refused
        assert 300 < len(sent["messages"][-1]["content"].split()) < 500
    with LlmServer(tokenize=True) as server:
        make_client(server.url).answer(chat(text, text_tokens=100), str)
        assert server.requests[0]["messages"][-1]["content"].split()[1:] == text.split()[:100]


@pytest.mark.parametrize("like", ["openai", "vllm"])
def test_a_context_that_nobody_told_of_is_found_by_halving(make_client: MakeClient, like: Any) -> None:
    def too_long(_: int, sent: dict[str, Any]) -> Fault | None:
        words = len(sent["messages"][-1]["content"].split())
        message = f"This model's maximum context length is 400 tokens. However, you requested {words} tokens."
        return status(400, message=message) if words > 400 else None

    with LlmServer(fault=too_long, like=like) as server:
        assert make_client(server.url).answer(chat("word " * 3000), str) == "ok"
        assert len(server.requests[-1]["messages"][-1]["content"].split()) > 100
    with LlmServer(fault=always(status(400, error="context_length_exceeded"))) as server:
        with pytest.raises(GenerationError, match="longer than the model's context") as caught:
            make_client(server.url).answer(chat("word " * 3000), str)
        assert caught.value.too_long


def test_a_server_is_asked_in_the_way_it_understands(make_client: MakeClient) -> None:
    def picky(_: int, sent: dict[str, Any]) -> Fault | None:
        if "max_tokens" in sent:
            return status(400, message="Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'.")
        if "seed" in sent:
            return status(422, message="seed: Extra inputs are not permitted")
        if "maxLength" in json.dumps(sent.get("response_format", {})):
            return status(400, message="Invalid schema for response_format: maxLength is not permitted")
        return None

    with LlmServer(lambda _: '{"word": "yes"}', fault=picky) as server:
        client = make_client(server.url)
        seeded = Sampling(max_tokens=9, seed=1)
        assert client.answer(Chat("", "{text}", "t", seeded, schema=SCHEMA), word) == "yes"
        assert client.schema == "without lengths"
        asked = len(server.requests)
        assert client.answer(chat("more", schema=SCHEMA), word) == "yes"
        assert len(server.requests) == asked + 1  # it has learned
        assert "response_format" in server.requests[-1]

    def no_schema(_: int, sent: dict[str, Any]) -> Fault | None:
        return status(400, message="response_format is not supported") if "response_format" in sent else None

    with LlmServer(lambda _: '{"word": "yes"}', fault=no_schema) as server:
        client = make_client(server.url)
        assert client.answer(chat(schema=SCHEMA), word) == "yes"
        assert client.schema == "not at all"


def test_the_key_shows_in_no_error_and_no_report(make_client: MakeClient) -> None:
    key = "sk-very-secret-0123456789"
    for fault in (status(400, message=f"bad key {key}"), status(500, message=f"lost {key}")):
        with LlmServer(key=key, fault=always(fault)) as server:
            client = make_client(server.url, key=key, attempts=1)
            with pytest.raises(GenerationError) as caught:
                client.answer(chat(), str)
        assert key not in str(caught.value) + client.usage.model_dump_json() + repr(client.profile)
        assert "***" in str(caught.value)


def test_closing_gives_up_what_is_in_flight(make_client: MakeClient) -> None:
    with LlmServer(fault=always(hang())) as server:
        client = make_client(server.url, timeout=60)
        client.connect()
        future = client.submit(client.ask(chat(), str))
        time.sleep(0.2)
        client.close()
        with pytest.raises(CancelledError):
            future.result(1)
        client.close()
    with pytest.raises(EndpointError, match="closed"):
        client.submit(client.ask(chat(), str))


def test_what_is_submitted_while_it_closes_ends_too(make_client: MakeClient) -> None:
    with LlmServer(fault=always(hang())) as server:
        client = make_client(server.url, timeout=60, concurrency=2)
        generator = ScenarioGenerator(client, GenerationProfile())
        passages = chunk(
            Document(id="d", text="A sentence about bread. " * 2000), ChunkProfile(max_chars=500)
        )
        assert len(passages) > 4 * 2
        threads = [threading.Thread(target=generator.scenarios, args=(passages,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        client.close()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"error": "no"},
        {"choices": "abc"},
        {"choices": [None]},
        {"choices": {"a": 1}},
        {"choices": [{"message": None}]},
        {"choices": [{"message": {"content": ["a"]}}]},
    ],
    ids=str,
)
def test_an_answer_of_odd_types_fails_one_request(make_client: MakeClient, answer: Any) -> None:
    with LlmServer(fault=always(raw(json.dumps(answer), "application/json"))) as server:
        client = make_client(server.url)
        with pytest.raises(GenerationError):
            client.answer(chat(), str)
    assert (client.usage.answered, client.usage.failed) == (0, 1)


@pytest.mark.parametrize("usage", [None, {}, "none", {"prompt_tokens": None}], ids=str)
def test_a_server_need_not_count(make_client: MakeClient, usage: Any) -> None:
    message = {"role": "assistant", "content": "fine"}
    answer = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
    with LlmServer(fault=always(raw(json.dumps(answer), "application/json"))) as server:
        assert make_client(server.url).answer(chat(), str) == "fine"


def test_half_a_surrogate_pair_is_no_answer(make_client: MakeClient) -> None:
    with LlmServer(lambda _: "fine", fault=sequence(body("broken \ud83d"))) as server:
        client = make_client(server.url, cached=True)
        assert client.answer(chat(), str) == "fine"
        assert client.usage.repairs == 1


def test_a_context_without_room_is_told_and_nothing_is_asked(make_client: MakeClient) -> None:
    with LlmServer(tokenize=True, context=80) as server:
        with pytest.raises(GenerationError, match="leaves 3 for a text"):
            make_client(server.url).answer(chat("word " * 100), str)
        assert not server.requests


def test_tokens_and_cost_are_counted(make_client: MakeClient) -> None:
    with LlmServer(lambda _: "three words here") as server:
        client = make_client(server.url, prompt_price=2.0, completion_price=10.0)
        client.answer(chat(), str)
    usage = client.usage
    assert usage.completion_tokens == 3
    assert usage.prompt_tokens > 3
    assert usage.cost == pytest.approx((2 * usage.prompt_tokens + 10 * 3) / 1e6)
    assert usage.tokens_per_second > 0


def test_an_address_must_not_hold_a_password() -> None:
    with pytest.raises(ValueError, match="OPENAI_API_KEY"):
        LlmProfile(base_url="http://me:secret@host/v1")
