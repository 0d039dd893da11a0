"""A look at the first documents of a source, before the ingest that reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from ...errors import AuguryError
from ...schemas.document import Document
from ...schemas.profile import ChunkProfile
from .chunk import chunk
from .readable import SourceItem
from .select import grouped


def ahead(source: Iterable[SourceItem], most: int) -> tuple[list[SourceItem], Iterator[SourceItem]]:
    """``first, source = ahead(source, 256)``: the first items, and an iterator over all of them.

    An error of the source among the first is raised again where it belongs: after what came before it.
    """
    groups = grouped(source, most, lambda item: len(item.text) if isinstance(item, Document) else 0)
    first: list[SourceItem] = []
    broken: AuguryError | None = None
    try:
        first = next(groups, first)
    except AuguryError as error:
        broken = error

    def again() -> Iterator[SourceItem]:
        yield from first
        if broken is not None:
            raise broken
        for group in groups:
            yield from group

    return first, again()


def encoder_texts(items: Iterable[SourceItem], profile: ChunkProfile) -> list[str]:
    """What encoders read of these documents' passages."""
    texts: list[str] = []
    for item in items:
        if isinstance(item, Document):
            with suppress(TypeError, ValueError, RecursionError):  # not valid JSON or Unicode: ingest tells
                texts += [passage.encoder_text for passage in chunk(item, profile)]
    return texts
