"""The passages of an index, or of a source that is cut as ingest cuts it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...connector.ingest.chunk import chunk
from ...connector.store.base import Store
from ...errors import DocumentError
from ...schemas.document import Document, Passage
from ...schemas.profile import ChunkProfile

_STORED = ("doc_id", "chunk", "chunks", "title", "text", "source", "content_hash")


def passages_of_source(
    source: Iterable[Document | DocumentError], profile: ChunkProfile
) -> Iterator[Passage | DocumentError]:
    """Documents cut into passages; what cannot be read is passed on."""
    for item in source:
        if isinstance(item, DocumentError):
            yield item
        else:
            yield from chunk(item, profile)


def passages_of_index(store: Store) -> Iterator[Passage]:
    """Every passage of an index, by its id."""
    for records in store.scroll(payload=_STORED):
        for record in records:
            yield Passage(**{name: record.payload[name] for name in _STORED})
