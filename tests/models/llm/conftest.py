"""A client that does not wait long, for servers that misbehave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from augury.models.llm.cache import LlmCache
from augury.models.llm.client import LlmClient
from augury.schemas.llm import LlmProfile

MakeClient = Callable[..., LlmClient]


@pytest.fixture
def make_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeClient]:
    """``make_client(server.url, timeout=1)``; with ``cached=True`` answers are kept in a file."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    made: list[LlmClient] = []

    def make(url: str, *, cached: bool = False, key: str | None = None, **profile: Any) -> LlmClient:
        cache = LlmCache(tmp_path / "llm.sqlite") if cached else None
        client = LlmClient(LlmProfile(base_url=url, **{"timeout": 5, **profile}), cache=cache, api_key=key)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()
