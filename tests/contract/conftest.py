"""The stores that every test of this folder runs on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from qdrant_client import QdrantClient

from augury.connector.store.base import Store
from augury.connector.store.connect import connect
from augury.schemas.connection import Connection
from tests.contract.stores import EdgeStores, ServerStores, StoreFactory
from tests.qdrant_grpc import qdrant_grpc
from tests.qdrant_rest import qdrant_rest
from tests.real_qdrant import RealQdrant


@pytest.fixture(params=["edge", "memory", "rest", "grpc", "server", "server-grpc"])
def store_factory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoreFactory]:
    """Every engine in turn; a real server, over both of its interfaces, where there is one."""
    factory: StoreFactory
    with ExitStack() as opened:
        if request.param == "edge":
            factory = EdgeStores(tmp_path)
        elif request.param == "memory":
            factory = ServerStores("memory", QdrantClient(location=":memory:"))
        elif request.param == "rest":
            server = opened.enter_context(qdrant_rest())
            factory = ServerStores("rest", connect(server.url, Connection()))
        elif request.param == "grpc":
            server, port = opened.enter_context(qdrant_grpc())
            factory = ServerStores("grpc", connect(server.url, Connection(grpc_port=port)))
        else:
            real: RealQdrant = request.getfixturevalue("real_qdrant")
            client = connect(real.url, real.connection(grpc=request.param == "server-grpc"))
            if request.param == "server-grpc" and not client.init_options["prefer_grpc"]:
                pytest.skip(f"gRPC does not answer beside {real.url}")
            factory = ServerStores("server", client)
        yield factory
        factory.close()


@pytest.fixture
def store(store_factory: StoreFactory) -> Store:
    """A store whose collection has not been made."""
    return store_factory.new()
