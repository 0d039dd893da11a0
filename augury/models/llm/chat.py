"""One request to an LLM, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...schemas.document import digest
from ...schemas.llm import Sampling
from .cache import CacheKey

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam as Message

_TEXT = "{text}"
_VERSION = 1  # of how messages are put together
_MARKS = re.compile(r"<(?=\s*/|[|｜\w])|(?<=[|｜])>|\[(?=/?[A-Z_]{3,}\])")  # noqa: RUF001
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069]")
_DISARMED = {"<": "(", ">": ")", "[": "("}


@dataclass(frozen=True, slots=True)
class Chat:
    """``Chat(system="Describe the document.", template="Document: {text}", text="...", sampling=...)``.

    Attributes:
        system: what to do.
        template: the user's message; ``{text}`` stands for the text.
        examples: texts and the answers to them, shown first; small models go by these more than by words.
        text: what it is done to. What does not fit the model's context is cut off its end.
        draw: the number of the answer, where several are drawn for one text.
        text_tokens: more of it than this is never sent.
        schema: JSON schema of the answer, or None for free text.
        whole: an answer that ``max_tokens`` cut off is no answer.
    """

    system: str
    template: str
    text: str
    sampling: Sampling
    text_tokens: int = 8192
    schema: dict[str, Any] | None = None
    whole: bool = True
    examples: tuple[tuple[str, str], ...] = ()
    draw: int = 0

    def key(self, model: str, *, context: int = 0) -> CacheKey:
        """What its answer is kept under; with the model's ``context`` where that cut the text."""
        return CacheKey(
            content=digest(self.text),
            model=model,
            prompt=digest(_VERSION, self.prompt, self.schema, self.text_tokens, self.whole, context),
            sampling=digest(self.sampling.model_dump(), self.draw),
        )

    @property
    def prompt(self) -> str:
        """All that is sent beside the text."""
        return "\n".join([self.system, self.template, *(part for pair in self.examples for part in pair)])

    def messages(self, text: str, complaint: str = "") -> list[Message]:
        """The messages to send, with ``text`` or what is left of it, and what was wrong with an answer."""
        messages: list[Message] = [{"role": "system", "content": self.system}] if self.system else []
        for example, answer in self.examples:
            messages.append({"role": "user", "content": self._user(example)})
            messages.append({"role": "assistant", "content": answer})
        user = self._user(text)
        if complaint:
            user += f"\n\nAn earlier answer could not be used: {complaint}. Answer again, as told above."
        messages.append({"role": "user", "content": user})
        return messages

    def _user(self, text: str) -> str:
        before, _, after = self.template.partition(_TEXT)
        return f"{before}{as_data(text)}{after}"


def as_data(text: str) -> str:
    """A text with its brackets disarmed: it cannot close a tag that it stands between, nor spell the marks
    by which chat templates tell who is speaking. Zero-width and bidirectional marks go."""
    return _MARKS.sub(lambda mark: _DISARMED[mark[0]], _INVISIBLE.sub("", text))
