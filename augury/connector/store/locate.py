"""From the place a user names to the store that holds it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from ...errors import UsageError
from ...schemas.connection import Connection
from .base import Store


def open_store(where: str | Path, *, create: bool, connection: Connection | None = None) -> Store:
    """``open_store("my-index", create=True)``: a folder, ``http(s)://host:port/collection`` or ``:memory:``.

    Args:
        connection: for a server; without a key in it, that of ``QDRANT_API_KEY`` is used.

    Raises:
        UsageError: a URL that names no collection or cannot be understood.
        IndexNotFound, IndexLocked: as ``EdgeStore``.
    """
    text = str(where)
    if re.match(r"^[\w.-]+:\d+/", text):
        raise UsageError(f"{text} lacks its scheme", f"Write it as http://{text}")
    if text == ":memory:" or text.startswith(("http://", "https://")):
        from .server import ServerStore

        if text == ":memory:":
            return ServerStore(text, "augury")
        try:
            url = urlsplit(text)
            _ = url.port
        except ValueError as error:
            raise UsageError(
                f"This URL cannot be understood ({error})", "Write it as http://host:6333/COLLECTION"
            ) from error
        if url.username is not None:
            raise UsageError(
                "A URL must not carry a name or a password", "Give the key in the variable QDRANT_API_KEY"
            )
        collection = url.path.strip("/")
        if not collection or "/" in collection:
            raise UsageError(f"{text} does not name a collection", "Write it as http://host:6333/COLLECTION")
        connection = connection or Connection()
        if connection.api_key is None and (key := os.environ.get("QDRANT_API_KEY")):
            connection = connection.model_copy(update={"api_key": SecretStr(key)})
        return ServerStore(f"{url.scheme}://{url.netloc}", collection, connection)
    from .edge import EdgeStore

    return EdgeStore(Path(where), create=create)


def holds_index(where: str | Path) -> bool:
    """Whether a place is a collection's address or the folder of an embedded index; nothing is opened."""
    if str(where).startswith(("http://", "https://")):
        return True
    from .edge_folder import is_index_folder

    return is_index_folder(Path(where))
