"""The server does what the rest of Augury builds on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai import OpenAI

SCHEMA = {
    "type": "object",
    "properties": {
        "animal": {"type": "string", "enum": ["heron", "otter"]},
        "legs": {"type": "integer", "minimum": 2, "maximum": 4},
        "habits": {
            "type": "array",
            "items": {"type": "string", "maxLength": 40},
            "minItems": 2,
            "maxItems": 3,
        },
    },
    "required": ["animal", "legs", "habits"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def client(llm_url: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=llm_url, api_key="none", max_retries=0, timeout=300) as client:
        yield client


def ask(client: OpenAI, model: str, said: str, **options: Any) -> Any:
    answer = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": said}], temperature=0, **options
    )
    return answer.choices[0]


def test_it_lists_its_model(client: OpenAI, llm_model: str) -> None:
    models = {model.id: model for model in client.models.list()}
    assert getattr(models[llm_model], "max_model_len", 0) >= 2048


def test_a_chat_makes_sense_and_ends_by_itself(client: OpenAI, llm_model: str) -> None:
    choice = ask(client, llm_model, "What is the capital of France? Answer in one sentence.", max_tokens=64)
    assert "Paris" in choice.message.content
    assert choice.finish_reason == "stop"
    assert "<|im_end|>" not in choice.message.content


def test_a_json_schema_is_enforced_without_blanks_to_loop_on(client: OpenAI, llm_model: str) -> None:
    choice = ask(
        client,
        llm_model,
        "Tell me a story about the sea.",
        max_tokens=256,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "animal", "schema": SCHEMA, "strict": True},
        },
    )
    assert choice.finish_reason == "stop"
    found = json.loads(choice.message.content)
    assert found["animal"] in ("heron", "otter")
    assert 2 <= found["legs"] <= 4
    assert 2 <= len(found["habits"]) <= 3
    assert choice.message.content == json.dumps(found, ensure_ascii=False, separators=(",", ":"))


def test_it_counts_tokens_as_the_model_was_taught(llm_url: str, llm_model: str) -> None:
    body = {"model": llm_model, "prompt": "hi\n\n12", "add_special_tokens": False, "return_token_strs": True}
    found = httpx.post(f"{llm_url.removesuffix('/v1')}/tokenize", json=body, timeout=30).json()
    assert found["count"] == 4, found
    assert found["max_model_len"] >= 2048
