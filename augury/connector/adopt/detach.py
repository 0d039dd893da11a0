"""``augury.detach(client, "kb")``: an app's collection as it was before Augury was attached to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import StoreError, UsageError
from ...schemas.attach import COPY_SUFFIX, DetachReport
from ...schemas.connection import Connection
from ...schemas.profile import Adoption, Profile
from ..lease import Lease
from ..reconcile import stored_profile
from .attach import open_collection
from .copy import Copy
from .inspect import require_server

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

    from ..store.server import ServerStore


def detach(
    where: QdrantClient | str, collection: str = "", *, connection: Connection | None = None
) -> DetachReport:
    """``augury.detach(client, "kb")`` removes what ``attach`` added, and nothing else.

    Stopped in the middle, it is finished by running it again.

    Args:
        where: the app's own client, which is left open, or ``http(s)://host:port/collection``.
        collection: its name, with a client.

    Raises ``UsageError`` where nothing is attached.
    """
    name = str(where) if isinstance(where, str) else collection
    opened = open_collection(where, collection, connection)
    try:
        store = require_server(opened, name)
        with Lease(store.live, name, "detach"):
            return _detached(store, name)
    finally:
        opened.close()


def _detached(store: ServerStore, name: str) -> DetachReport:
    metadata = store.metadata()
    if metadata is None:
        copy = Copy(store).store
        if not copy.exists() or copy.metadata() is None:
            raise UsageError(f"Augury is not attached to {name}", "Attach it with: augury attach")
        store, metadata = copy, copy.metadata()
    profile = stored_profile(name, metadata)
    adopted = profile.adopted
    if adopted is None:
        raise UsageError(
            f"{name} is an index that Augury made, not a collection of an app",
            "To be rid of it, delete the collection with the server's own tools",
        )
    if adopted.copy_of:
        return _without_copy(store, name, profile, adopted)
    live = store.live
    live.drop(adopted.vectors, adopted.indexes)
    points = live.forget(profile.payload.own)
    store.set_metadata(None)
    return DetachReport(collection=name, points=points, vectors=adopted.vectors, indexes=adopted.indexes)


def _without_copy(store: ServerStore, name: str, profile: Profile, adopted: Adoption) -> DetachReport:
    """What the app has written to the copy goes back first; then the alias does, and the copy is dropped."""
    copy = store.beside(f"{adopted.copy_of}{COPY_SUFFIX}")
    original = store.beside(adopted.copy_of)
    if not original.exists():
        raise StoreError(
            f"{adopted.copy_of}, which {name} is a copy of, is gone", "Keep the copy; nothing was changed"
        )
    own, vectors = profile.payload.own, adopted.vectors
    if adopted.alias:
        copy.live.copy_to(original.live, own, vectors, missing_only=False)
        copy.live.move_alias(adopted.alias, adopted.copy_of)
        copy.live.copy_to(original.live, own, vectors, missing_only=True)
    points = copy.count()
    copy.live.drop_collection()
    return DetachReport(
        collection=adopted.copy_of,
        points=points,
        vectors=vectors,
        indexes=adopted.indexes,
        dropped_copy=copy.collection,
    )
