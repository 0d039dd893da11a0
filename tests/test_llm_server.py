"""The misbehaving LLM server misbehaves as it says, seen through the client that Augury uses."""

from __future__ import annotations

import asyncio
import json
import time
from http.client import HTTPConnection
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion

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
    scenario_reply,
    sequence,
    slow,
    status,
    truncated,
)

TIMEOUT_S = 0.3


def ask(server: LlmServer, prompt: str = "hello there", *, key: str = "none", **more: Any) -> ChatCompletion:
    with openai.OpenAI(base_url=server.url, api_key=key, max_retries=0, timeout=10 * TIMEOUT_S) as client:
        return client.chat.completions.create(
            **({"model": "tiny", "messages": [{"role": "user", "content": prompt}]} | more)
        )


def post(server: LlmServer, path: str, content: dict[str, Any]) -> dict[str, Any]:
    line = HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        line.request("POST", path, json.dumps(content))
        answer: dict[str, Any] = json.loads(line.getresponse().read())
    finally:
        line.close()
    return answer


def test_a_plain_answer() -> None:
    with LlmServer(lambda request: "one two three") as server:
        answer = ask(server, n=2)
        assert server.requests[0]["messages"] == [{"role": "user", "content": "hello there"}]
        assert server.headers[0]["authorization"] == "Bearer none"
    assert [choice.message.content for choice in answer.choices] == ["one two three"] * 2
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (2, 6)


def test_models_are_listed_with_their_length() -> None:
    with (
        LlmServer(context=512) as server,
        openai.OpenAI(base_url=server.url, api_key="none", max_retries=0) as client,
    ):
        assert [model.to_dict()["max_model_len"] for model in client.models.list()] == [512]


@pytest.mark.parametrize(
    ("code", "error"),
    [(429, openai.RateLimitError), (500, openai.InternalServerError), (529, openai.InternalServerError)],
)
@pytest.mark.parametrize("like", ["openai", "vllm"])
def test_a_status(code: int, error: type[openai.APIStatusError], like: Any) -> None:
    with LlmServer(fault=sequence(status(code, retry_after="7")), like=like) as server:
        with pytest.raises(error, match="Told to fail") as caught:
            ask(server)
        assert caught.value.response.headers["retry-after"] == "7"
        assert ask(server).choices[0].message.content == "ok"


def test_an_error_code_of_choice() -> None:
    with LlmServer(fault=always(status(429, error="insufficient_quota"))) as server:
        with pytest.raises(openai.RateLimitError) as caught:
            ask(server)
        assert caught.value.code == caught.value.type == "insufficient_quota"


@pytest.mark.parametrize("fault", [hang(), endless_whitespace(), slow(30)], ids=str)
def test_a_server_dies_at_once_whatever_its_handlers_do(fault: Fault) -> None:
    with LlmServer(fault=always(fault)) as server:
        line = HTTPConnection("127.0.0.1", server.port, timeout=5)
        line.request("POST", "/v1/chat/completions", '{"model": "tiny", "messages": []}')
        while not server.requests:
            time.sleep(0.01)
        started = time.monotonic()
    assert time.monotonic() - started < 1
    with pytest.raises(OSError):
        HTTPConnection("127.0.0.1", server.port, timeout=5).connect()
    line.close()


def test_a_hanging_server_runs_into_the_timeout() -> None:
    with LlmServer(fault=always(hang())) as server, pytest.raises(openai.APITimeoutError):
        ask(server)


def test_no_read_of_endless_whitespace_times_out() -> None:
    async def run(server: LlmServer) -> None:
        async with openai.AsyncOpenAI(base_url=server.url, api_key="none", max_retries=0) as client:
            async with asyncio.timeout(3 * TIMEOUT_S):
                await client.chat.completions.create(model="tiny", messages=[], timeout=TIMEOUT_S)

    with LlmServer(fault=always(endless_whitespace())) as server, pytest.raises(TimeoutError):
        asyncio.run(run(server))


def test_a_slow_answer_is_right() -> None:
    with LlmServer(fault=always(slow(0.05))) as server:
        assert ask(server).choices[0].message.content == "ok"


def test_a_truncated_answer() -> None:
    with LlmServer(lambda request: "12345678", fault=always(truncated())) as server:
        choice = ask(server).choices[0]
    assert (choice.message.content, choice.finish_reason) == ("1234", "length")


@pytest.mark.parametrize("content", ["```json\n{}\n```", "", None])
def test_a_body_of_choice(content: str | None) -> None:
    with LlmServer(fault=always(body(content, "content_filter"))) as server:
        choice = ask(server).choices[0]
    assert (choice.message.content, choice.finish_reason) == (content, "content_filter")


def test_a_page_that_is_no_completion() -> None:
    with LlmServer(fault=always(raw("<html>Welcome</html>"))) as server:
        assert ask(server) == "<html>Welcome</html>"  # type: ignore[comparison-overlap]


def test_no_choices() -> None:
    with LlmServer(fault=always(empty())) as server:
        assert ask(server).choices == []


def test_a_reset_is_one() -> None:
    with LlmServer(fault=sequence(reset())) as server:
        with pytest.raises(ConnectionResetError):
            post(server, "/v1/chat/completions", {"model": "tiny", "messages": []})
        with pytest.raises(openai.APIConnectionError):
            server.fault = always(reset())
            ask(server)


def test_a_dead_server_comes_back_at_its_port() -> None:
    with LlmServer() as server:
        ask(server)
        server.stop()
        with pytest.raises(openai.APIConnectionError):
            ask(server)
        with LlmServer(port=server.port) as again:
            assert ask(again).choices[0].message.content == "ok"


def test_it_can_die_of_a_request() -> None:
    def third(number: int, request: dict[str, Any]) -> None:
        if number == 2:
            server.stop()

    with LlmServer(fault=third) as server:
        ask(server)
        ask(server)
        with pytest.raises(openai.APIConnectionError):
            ask(server)
        assert len(server.requests) == 3


@pytest.mark.parametrize("like", ["openai", "vllm"])
def test_key_model_and_length_are_checked(like: Any) -> None:
    with LlmServer(key="secret", context=3, like=like) as server:
        with pytest.raises(openai.AuthenticationError):
            ask(server, key="wrong")
        with pytest.raises(openai.NotFoundError, match=r"The model `huge` does not exist\."):
            ask(server, key="secret", model="huge")
        with pytest.raises(openai.BadRequestError, match="maximum context length is 3 tokens") as caught:
            ask(server, "one two three four", key="secret", max_tokens=10)
        if like == "openai":
            assert caught.value.code == "context_length_exceeded"
            assert "you requested 14 tokens (4 in the messages, 10 in the completion)" in str(caught.value)
        assert ask(server, "one two three", key="secret")


def test_tokens_come_back_as_words() -> None:
    with LlmServer(tokenize=True, context=99) as server:
        answer = post(server, "/tokenize", {"model": "tiny", "prompt": "to be  or not\nto be"})
        assert (answer["count"], answer["max_model_len"], len(set(answer["tokens"]))) == (6, 99, 4)
        back = post(server, "/detokenize", {"model": "tiny", "tokens": answer["tokens"]})
        assert back == {"prompt": "to be or not to be"}


def test_without_tokenizer_there_is_no_such_route() -> None:
    with LlmServer() as server:
        assert post(server, "/tokenize", {"model": "tiny", "prompt": "x"}) == {"detail": "Not Found"}


def test_scenarios_are_made_of_the_document() -> None:
    with LlmServer(scenario_reply) as server:
        content = ask(server, "Read <document>the quick brown fox jumps high</document> now").choices[0]
    made = json.loads(content.message.content or "")
    assert (made["verdict"], made["main_topic"]) == ("content", "the quick brown fox jumps")
    assert len(made["key_points"]) == 2
    needs = [scenario["information_need"] for scenario in made["scenarios"]]
    assert len(needs) == 3
    assert needs[0] == "A user wants to know about the quick brown fox jumps high"


def test_the_peak_is_what_the_client_allows() -> None:
    async def run(server: LlmServer) -> None:
        gate = asyncio.Semaphore(3)
        async with openai.AsyncOpenAI(base_url=server.url, api_key="none", max_retries=0) as client:

            async def one() -> None:
                async with gate:
                    await client.chat.completions.create(model="tiny", messages=[])

            await asyncio.gather(*(one() for _ in range(30)))

    with LlmServer(fault=always(slow(0.03))) as server:
        asyncio.run(run(server))
    assert (len(server.requests), server.peak) == (30, 3)


def test_what_a_reply_raises_is_not_lost() -> None:
    def broken(request: dict[str, Any]) -> str:
        raise LookupError("no such prompt")

    with (
        pytest.raises(LookupError, match="no such prompt"),
        LlmServer(broken) as server,
        pytest.raises(openai.InternalServerError, match="no such prompt"),
    ):
        ask(server)
