"""How an LLM is asked, and what asking it cost."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator


def checked_address(url: str) -> str:
    """The address without its last slash. Raises ``ValueError`` for one that is none or holds a secret."""
    url = url.strip().rstrip("/")
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        port_is_fine = False
    if not port_is_fine or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("that is no address of an LLM server; write http://host:port/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("the address must hold no password and no query; set OPENAI_API_KEY instead")
    return url


class LlmProfile(BaseModel):
    """``LlmProfile(base_url="http://localhost:8000/v1", model="smollm2")``: an OpenAI-compatible server.

    What is left empty is taken from ``OPENAI_BASE_URL``; an empty ``model`` is the only one that the
    server lists. The key is ``OPENAI_API_KEY`` and never a part of a profile; nor is the address stored with
    an index, as whoever wrote the index would then say where the key is sent. Prices are per million
    tokens, in whatever currency the provider bills.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str = ""
    model: str = ""
    concurrency: int = Field(default=32, ge=1, description="requests in flight at once")
    timeout: float = Field(default=300, gt=0, description="seconds one try may take, to its last byte")
    attempts: int = Field(default=4, ge=1, description="tries while a server is busy or away")
    breaker: int = Field(default=8, ge=1, description="failures in a row after which it is left alone")
    prompt_price: float = Field(default=0.0, ge=0)
    completion_price: float = Field(default=0.0, ge=0)

    def impatient(self) -> Self:
        """The same for searches, which somebody waits for."""
        return self.model_copy(
            update={"attempts": min(2, self.attempts), "timeout": min(120.0, self.timeout)}
        )

    @field_validator("base_url")
    @classmethod
    def _address(cls, url: str) -> str:
        return checked_address(url)


class Sampling(BaseModel):
    """``Sampling(max_tokens=256, temperature=1.0)``: how an answer is drawn.

    A seed is sent only where one is set: vLLM on a CPU ends with "CPU Generator does not use offset" over
    seeded requests whose prompt it reads in parts. What was drawn once is kept either way.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_tokens: int = Field(ge=1)
    temperature: float = Field(default=0.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    seed: int | None = None


class EndpointSpeed(BaseModel):
    """Tokens written a second by all requests together, with so many in flight at once."""

    concurrency: int
    tokens_per_second: float


class EndpointReport(BaseModel):
    """``augury llm check --json``. ``context`` is 0 where the server does not tell it."""

    url: str
    model: str
    models: list[str]
    context: int
    first_answer_ms: float
    enforces_schema: bool
    counts_tokens: bool
    speeds: list[EndpointSpeed]


class LlmUsage(BaseModel):
    """What was asked of an LLM, and what it cost.

    Every answer wanted ends in exactly one of ``cached``, ``answered`` and ``failed``. ``requests``
    counts what was sent, ``retries`` and ``repairs`` among it. ``invalid`` are the failed ones whose
    answer could not be used even after the repair, ``cut`` those whose text did not fit the context.
    """

    model: str = ""
    cached: int = 0
    answered: int = 0
    failed: int = 0
    invalid: int = 0
    cut: int = 0
    requests: int = 0
    retries: int = 0
    repairs: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = Field(default=0.0, description="time in which at least one request was in flight")
    tokens_per_second: float = 0.0
    cost: float = 0.0
    errors: dict[str, int] = Field(default_factory=dict, description="sentences of what failed")
