"""The stores that every test of this folder runs on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from qdrant_client import QdrantClient

from augury.connector.store.base import Store
from tests.contract.stores import URL, EdgeStores, ServerStores, StoreFactory


@pytest.fixture(params=["edge", "memory", *(["server"] if URL else [])])
def store_factory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoreFactory]:
    """Every engine in turn; a real server only where the environment names one."""
    factory: StoreFactory
    if request.param == "edge":
        factory = EdgeStores(tmp_path)
    elif request.param == "memory":
        factory = ServerStores("memory", QdrantClient(location=":memory:"))
    else:
        factory = ServerStores("server", QdrantClient(url=URL, check_compatibility=False))
    yield factory
    factory.close()


@pytest.fixture
def store(store_factory: StoreFactory) -> Store:
    """A store whose collection has not been made."""
    return store_factory.new()
