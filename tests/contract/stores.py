"""The engines that the contract runs on, and how a test makes a store of each."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Protocol

from qdrant_client import QdrantClient

from augury.connector.store.base import Store
from augury.connector.store.edge import EdgeStore
from augury.connector.store.server import ServerStore


class StoreFactory(Protocol):
    """Makes stores over fresh, empty collections of one engine."""

    kind: str

    def new(self) -> Store:
        """A store whose collection has not been made."""
        ...

    def again(self, store: Store) -> Store:
        """A second store over what ``store``, now done with, has written."""
        ...

    def close(self) -> None:
        """Release and remove everything made."""
        ...


class EdgeStores:
    """Embedded indexes in a temporary folder."""

    kind = "edge"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[int, tuple[EdgeStore, Path]] = {}

    def new(self) -> Store:
        return self._open(self._folder / uuid.uuid4().hex, create=True)

    def again(self, store: Store) -> Store:
        store.close()
        return self._open(self._made[id(store)][1], create=False)

    def close(self) -> None:
        for store, _ in self._made.values():
            store.close()

    def _open(self, path: Path, *, create: bool) -> EdgeStore:
        store = EdgeStore(path, create=create)
        self._made[id(store)] = (store, path)
        return store


class ServerStores:
    """Collections of one client: a server's, or those of qdrant-client's local mode."""

    def __init__(self, kind: str, client: QdrantClient) -> None:
        self.kind = kind
        self._client = client
        self._names: dict[int, tuple[Store, str]] = {}

    def new(self) -> Store:
        return self._open(f"augury-test-{uuid.uuid4().hex}")

    def again(self, store: Store) -> Store:
        store.close()
        return self._open(self._names[id(store)][1])

    def close(self) -> None:
        for name in {name for _, name in self._names.values()}:
            self._client.delete_collection(name)
        self._client.close()

    def _open(self, name: str) -> Store:
        store = ServerStore(self._client, name)
        self._names[id(store)] = (store, name)
        return store
