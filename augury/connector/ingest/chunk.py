"""Documents are cut into passages that end where sentences or paragraphs end.

The cutting is semantic-text-splitter's: it takes the largest of paragraph, line, sentence, word and
character that fits, and fills a chunk until it has ``min_chars``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from semantic_text_splitter import MarkdownSplitter, TextSplitter

from ...schemas.document import Document, Passage
from ...schemas.profile import ChunkProfile

_MARKDOWN = (".md", ".markdown")
_WINDOW = 2  # times max_chars: the splitter's time grows with the square of a text without sentence ends
_MAX_OVERLAP = 0.5  # of min_chars: more would make each step forward tiny


def chunk(document: Document, profile: ChunkProfile) -> list[Passage]:
    """``chunk(document, ChunkProfile(max_chars=1000))`` gives at least one passage, in reading order.

    Passages have at most ``max_chars`` characters and, but for the last ones of a section, at least
    ``min_chars``; whitespace at their edges is dropped and no other character is. Neighbours share up to
    ``overlap * max_chars`` characters, but never more than half of ``min_chars``.
    """
    texts = [document.text] if profile.mode == "none" else _texts(document, profile) or [""]
    content_hash = document.content_hash
    return [
        Passage(
            doc_id=document.id,
            chunk=number,
            chunks=len(texts),
            text=text,
            title=document.title,
            metadata=document.metadata,
            source=document.source,
            content_hash=content_hash,
        )
        for number, text in enumerate(texts)
    ]


def _texts(document: Document, profile: ChunkProfile) -> list[str]:
    splitter = _splitter(
        document.metadata.get("extension") in _MARKDOWN, profile.min_chars, profile.max_chars, profile.overlap
    )
    return [text for text in _chunks(splitter, document.text, _WINDOW * profile.max_chars) if text.strip()]


@lru_cache(maxsize=16)
def _splitter(
    markdown: bool, min_chars: int, max_chars: int, overlap: float
) -> TextSplitter | MarkdownSplitter:
    kind = MarkdownSplitter if markdown else TextSplitter
    return kind((min_chars, max_chars), overlap=int(min(overlap * max_chars, _MAX_OVERLAP * min_chars)))


def _chunks(splitter: TextSplitter | MarkdownSplitter, text: str, window: int) -> Iterator[str]:
    """The splitter's chunks, asked for a window at a time.

    A window's last chunk may have been cut off by the window's end, so the next window begins with it.
    """
    start = 0
    while start < len(text):
        end = start + window
        found = splitter.chunk_indices(text[start:end])
        if end >= len(text):
            yield from (part for _, part in found)
            return
        if len(found) == 1 and found[0][0] == 0:  # only whitespace follows
            yield found[0][1]
            found = []
        yield from (part for _, part in found[:-1])
        start = start + found[-1][0] if found else end
