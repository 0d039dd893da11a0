"""The prompt that makes an LLM write a passage which would answer a query."""

from __future__ import annotations

import re

from ...models.llm.chat import Chat
from ...schemas.llm import Sampling

TEMPLATE = """\
Somebody types this query into a search engine:

{text}

Write a short passage of the document that this person hopes to find: plain factual sentences that answer \
the query, in the words such a document uses. Write the passage only."""

_QUERY_TOKENS = 1024
_LEAD_IN = re.compile(
    r"""^\W*(?:(?:sure|certainly|of\ course|okay|ok|absolutely)\b[^\w\n]*)?
    (?:(?:here(?:'s|\u2019s|\ is|\ are)|below\ is|this\ is|the\ following\ is)\b[^:\n]{0,160}
       \b(?:passage|paragraph|answer|response|document|text|excerpt|article)\b[^:\n]{0,160}:
     |(?:passage|paragraph|answer|document|response|title)\s*:
     |(?:sure|certainly|of\ course|okay|absolutely)\b\s*[!.:,])[\s*_]*""",
    re.IGNORECASE | re.VERBOSE,
)


def expansion_chats(query: str, sampling: Sampling, passages: int) -> list[Chat]:
    """One request for each passage; only the number of the draw differs."""
    return [
        Chat(
            system="",
            template=TEMPLATE,
            text=query,
            sampling=sampling,
            draw=number,
            text_tokens=_QUERY_TOKENS,
            whole=False,
        )
        for number in range(passages)
    ]


def parse_passage(text: str) -> str:
    """The passage without what models like to say first, as "Here is a passage that ...:".

    Raises:
        ValueError: nothing is left.
    """
    text = text.strip()
    while found := _LEAD_IN.match(text):
        text = text[found.end() :]
    text = text.strip().strip('"').strip()
    if not any(char.isalnum() for char in text):
        raise ValueError("it is empty")
    return text
