"""What is wrong with an address, a key or a model is one sentence with its next step."""

from __future__ import annotations

import pytest

from augury.errors import EndpointError
from tests.llm_server import LlmServer

from .conftest import MakeClient


def test_the_only_model_is_found(make_client: MakeClient) -> None:
    with LlmServer(model="only", context=2048) as server:
        endpoint = make_client(server.url).connect()
    assert (endpoint.model, endpoint.models, endpoint.context) == ("only", ("only",), 2048)


def test_no_server_is_named(make_client: MakeClient) -> None:
    with pytest.raises(EndpointError, match=r"No LLM server is named.*OPENAI_BASE_URL"):
        make_client("")


def test_the_environment_names_the_server(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with LlmServer(key="k") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        assert make_client("").connect().url == server.url


def test_nothing_answers(make_client: MakeClient) -> None:
    with LlmServer() as server:
        url = server.url
    with pytest.raises(EndpointError, match=r"cannot be reached.*--llm-url"):
        make_client(url).connect()


@pytest.mark.parametrize("key", [None, "wrong"])
def test_the_key_is_refused(make_client: MakeClient, key: str | None) -> None:
    with (
        LlmServer(key="right") as server,
        pytest.raises(EndpointError, match=r"refused the key \(401\).*OPENAI_API_KEY") as caught,
    ):
        make_client(server.url, key=key).connect()
    assert "wrong" not in str(caught.value)


def test_the_model_is_unknown(make_client: MakeClient) -> None:
    with (
        LlmServer(model="there") as server,
        pytest.raises(EndpointError, match=r"no model 'elsewhere'.*It has there"),
    ):
        make_client(server.url, model="elsewhere").connect()


def test_what_answers_is_no_such_server(make_client: MakeClient) -> None:
    with LlmServer() as server, pytest.raises(EndpointError, match="usually ends in /v1"):
        make_client(server.url.removesuffix("/v1") + "/other").connect()


def test_what_is_no_address_is_told(make_client: MakeClient) -> None:
    with pytest.raises(ValueError, match="http://host:port/v1"):
        make_client("localhost:8000")


@pytest.mark.parametrize("address", ["http://me:hidden@host/v1", "http://host/v1?token=hidden", "host:8000"])
def test_the_environments_address_is_checked_too(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    with pytest.raises(EndpointError, match="OPENAI_BASE_URL") as caught:
        make_client("")
    assert "hidden" not in str(caught.value)


def test_a_key_with_strange_characters_is_told_and_not_shown(make_client: MakeClient) -> None:
    with pytest.raises(EndpointError, match="strange characters") as caught:
        make_client("http://127.0.0.1:9/v1", key="sk-\u2026secret")
    assert "secret" not in str(caught.value)
    with LlmServer(key="sk-right") as server:
        assert make_client(server.url, key="sk-right\n").connect().model == "tiny"
