"""The engines that a re-index runs on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from qdrant_client import QdrantClient

from augury.connector.store.connect import connect
from tests.connector.reindex.places import Place
from tests.real_qdrant import RealQdrant


@pytest.fixture(params=["edge", "memory", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A folder, the client's local mode, and a real server where there is one."""
    if request.param == "edge":
        yield Place(tmp_path, None)
    elif request.param == "memory":
        yield Place(tmp_path, QdrantClient(location=":memory:"))
    else:
        real: RealQdrant = request.getfixturevalue("real_qdrant")
        found = Place(tmp_path, connect(real.url, real.connection()))
        yield found
        found.drop()
