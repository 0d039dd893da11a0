"""Expansions of a query drawn at several temperatures, by the very prompt of a search."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ....connector.query.expansion_prompt import expansion_chats, parse_passage
from ....errors import GenerationError
from ....models.llm.chat import Chat
from ....schemas.llm import Sampling
from ....schemas.preferences import Message
from ..near_duplicates import normal
from .answer_prompt import answer_chat
from .judged import Judged

if TYPE_CHECKING:
    from ....models.llm.client import LlmClient


@dataclass(frozen=True)
class Sampled:
    """What the LLM wrote for a query.

    Attributes:
        prompt: the messages that every text answered.
        texts: the model's own words; ``passages`` are what a search makes of them, each another one.
        asked: how many were asked for.
        unusable: how many came to nothing.
        answer: to the query, from its relevant passage; empty where none was wanted.
    """

    prompt: tuple[Message, ...]
    texts: tuple[str, ...]
    passages: tuple[str, ...]
    asked: int
    unusable: int
    answer: str = ""


class Sampler:
    """``Sampler(llm, sampling, samples=8, temperatures=(1.0,)).ask(judged)``, awaited in the client's loop.

    Args:
        sampling: of a search; its temperature is not used.
        samples: of each temperature.
        answers: whether to ask for an answer too.
        seed: sent with each request, one more from draw to draw; None sends none. Draws differ, and are
            kept, either way.
    """

    def __init__(
        self,
        llm: LlmClient,
        sampling: Sampling,
        *,
        samples: int,
        temperatures: Sequence[float],
        answers: bool,
        seed: int | None = None,
    ) -> None:
        self._llm = llm
        self._sampling = sampling
        self._samples = samples
        self._temperatures = tuple(dict.fromkeys(temperatures))
        self._answers = answers
        self._seed = seed

    async def ask(self, judged: Judged) -> Sampled:
        """What came; a request that came to nothing costs its sample.

        Raises:
            GenerationError: the server fails, no sample came, or not the answer.
        """
        chats = list(self._chats(judged.query))
        drawing = asyncio.gather(*(self._llm.ask(chat, _both) for chat in chats), return_exceptions=True)
        found, answer = await asyncio.gather(drawing, self._answer(judged))
        errors = [each for each in found if isinstance(each, BaseException)]
        for error in errors:
            if not isinstance(error, GenerationError) or error.lasting or len(errors) == len(chats):
                raise error
        drawn = [each for each in found if not isinstance(each, BaseException)]
        apart: dict[str, tuple[str, str]] = {}
        for text, passage in drawn:
            apart.setdefault(normal(passage), (text, passage))
        kept = list(apart.values())
        return Sampled(
            prompt=tuple(Message.model_validate(each) for each in chats[0].messages(judged.query)),
            texts=tuple(text for text, _ in kept),
            passages=tuple(passage for _, passage in kept),
            asked=len(chats),
            unusable=len(errors),
            answer=answer,
        )

    def _chats(self, query: str) -> Iterator[Chat]:
        for place, temperature in enumerate(self._temperatures):
            # The client adds the number of the draw.
            seed = None if self._seed is None else self._seed + place * self._samples
            sampling = self._sampling.model_copy(update={"temperature": temperature, "seed": seed})
            yield from expansion_chats(query, sampling, self._samples)

    async def _answer(self, judged: Judged) -> str:
        if not self._answers:
            return ""
        chat = answer_chat(judged.query, judged.positives[0].encoder_text)
        return await self._llm.ask(chat, parse_passage)


def _both(text: str) -> tuple[str, str]:
    """The model's own words, and the passage that a search takes from them."""
    return text.strip(), parse_passage(text)
