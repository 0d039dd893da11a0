"""What a collection holds, read without changing it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...errors import IndexNotFound, SourceError, Unsupported, UsageError
from ...schemas.attach import CollectionFacts, IdKind
from ...schemas.points import PointId, Record
from ..store.base import Store
from .layouts import field_shares

if TYPE_CHECKING:
    from ..store.server import ServerStore

SAMPLE = 1000


def require_server(store: Store, where: str) -> ServerStore:
    """The store of a collection that is there. Raises ``UsageError`` for an embedded index."""
    from ..store.server import ServerStore

    if not isinstance(store, ServerStore):
        raise UsageError(
            f"{where} is an embedded index, which is Augury's own", "Name it as http://host:6333/COLLECTION"
        )
    if not store.exists():
        raise IndexNotFound(f"There is no collection {where}", "Check its name and the server's address")
    return store


def inspect(store: ServerStore, where: str) -> tuple[CollectionFacts, list[Record]]:
    """``facts, sample = inspect(store, "kb")``: what it holds, and its first points with their payloads.

    Raises ``SourceError`` for an empty collection, ``Unsupported`` for one that has no vectors.
    """
    info = store.info()
    vectors = tuple(store.live.vectors())
    sample = next(iter(store.scroll(batch=SAMPLE)), [])
    if not sample:
        raise SourceError(
            f"{where} has no points, so there is nothing to attach to", "Have its app write some first"
        )
    if not vectors:
        raise Unsupported(f"{where} has no vectors", "Name a collection of vectors")
    facts = CollectionFacts(
        collection=where,
        engine_version=info.version,
        points=info.points,
        sampled=len(sample),
        ids=_id_kind([record.id for record in sample]),
        vectors=vectors,
        fields=field_shares([record.payload for record in sample]),
        indexes=dict(info.indexes),
    )
    return facts, sample


def _id_kind(ids: Sequence[PointId]) -> IdKind:
    kinds = {"integer" if isinstance(point_id, int) else "uuid" for point_id in ids}
    if len(kinds) > 1:
        return "mixed"
    return "integer" if kinds == {"integer"} else "uuid"
