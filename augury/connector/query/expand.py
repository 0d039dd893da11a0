"""Query expansion: the user's rule table, and passages that an LLM writes in answer to the query."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

import numpy as np

from ...errors import GenerationError, ModelError
from ...schemas.expansion import ExpandMode, Expansion, ExpansionProfile
from ...schemas.llm import LlmProfile
from ...schemas.points import FloatArray
from .expansion_prompt import expansion_chats, parse_passage
from .rules import Rules

if TYPE_CHECKING:
    from ...models.llm.client import LlmClient


_PAUSE_S = 30.0


class Expander:
    """``Expander(profile.expansion, llm=connect).with_passages(["a query"], [Expansion(mode="llm")])``.

    Args:
        llm: makes the client when the first passage is wanted.
        rules: the user's own table; without one the rules change nothing.
    """

    def __init__(
        self, profile: ExpansionProfile, *, llm: Callable[[], LlmClient], rules: Rules | None = None
    ) -> None:
        self._profile = profile
        self._connect = llm
        self._rules = rules
        self._llm: LlmClient | None = None
        self._lock = threading.Lock()
        self._failure: ModelError | None = None
        self._again_at = 0.0

    def by_rules(self, query: str, mode: ExpandMode) -> Expansion:
        """What the rule table alone makes of the query."""
        text = self._rules.expand(query) if self._rules and mode != "off" else query
        note = (
            "There is no rule table. Name one: --rules FILE." if mode == "rules" and not self._rules else ""
        )
        return Expansion(mode=mode, rules="" if text == query else text, note=note)

    def with_passages(self, queries: Sequence[str], expansions: Sequence[Expansion]) -> list[Expansion]:
        """The expansions with passages of the LLM for their queries; all are asked for side by side.

        A passage that cannot be had is told in ``note``.

        Raises:
            EndpointError: the LLM server cannot be used.
        """
        if not queries:
            return []
        llm = self.llm()
        sampling, passages = self._profile.sampling, self._profile.passages
        asked = [
            [llm.submit(llm.ask(chat, parse_passage)) for chat in expansion_chats(query, sampling, passages)]
            for query in queries
        ]
        return [_with(expansion, futures) for expansion, futures in zip(expansions, asked, strict=True)]

    def llm(self) -> LlmClient:
        """The client, connected. A failure is remembered for a while: not every search shall wait for it."""
        with self._lock:
            if self._failure and time.monotonic() < self._again_at:
                raise self._failure
            try:
                if self._llm is None:
                    self._llm = self._connect()
                self._llm.connect()
            except ModelError as error:
                self._failure, self._again_at = error, time.monotonic() + _PAUSE_S
                raise
            self._failure = None
            return self._llm

    def close(self) -> None:
        """Close the client. A second call does nothing."""
        if self._llm is not None:
            self._llm.close()


def connect_llm(profile: LlmProfile) -> LlmClient:
    """The client for searches, which somebody waits for: it gives up sooner."""
    from ...models.llm.client import LlmClient

    return LlmClient.with_cache(profile.impatient())


def combined(query: FloatArray, passages: FloatArray, query_weight: float) -> FloatArray:
    """The mean of the query's unit vector (dim,) and those of its passages (n, dim), as a unit vector.

    The passages share what the query leaves: with one passage and a weight of .5 this is ExpandR's mean.
    """
    mean = query_weight * query + (1 - query_weight) * passages.mean(axis=0)
    length = float(np.linalg.norm(mean))
    return (mean / length).astype(np.float32) if length > 0 else query


def _with(expansion: Expansion, futures: Sequence[Future[str]]) -> Expansion:
    passages: list[str] = []
    note = ""
    for future in futures:
        try:
            passages.append(future.result())
        except GenerationError as error:
            note = str(error)
    return expansion.model_copy(update={"passages": tuple(passages), "note": note})
