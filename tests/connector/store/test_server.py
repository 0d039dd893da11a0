"""What a server that fails, is old or is not there looks like to the caller."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException

from augury.connector.store.server import ServerStore
from augury.connector.store.server_errors import translated
from augury.errors import (
    FilterError,
    IndexNotFound,
    StoreError,
    StoreTimeout,
    StoreUnavailable,
    Unsupported,
)
from augury.schemas.collection import CollectionSpec, VectorSpec
from augury.schemas.points import Fusion, Nearest, Point, Prefetch, SearchRequest

SPEC = CollectionSpec(vectors={"dense": VectorSpec(size=2)})
ONES = np.ones(2, dtype=np.float32)
KEY = "secret-key"
COLLECTION = {
    "status": "green",
    "optimizer_status": "ok",
    "segments_count": 1,
    "payload_schema": {},
    "config": {
        "params": {"vectors": {"dense": {"size": 2, "distance": "Cosine"}}},
        "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000},
        "optimizer_config": {
            "deleted_threshold": 0.2,
            "vacuum_min_vector_number": 1000,
            "default_segment_number": 0,
            "flush_interval_sec": 5,
        },
    },
}


class Answers(ThreadingHTTPServer):
    """Answers like an old server whose writes fail with ``status``, after ``delay_s``."""

    status = 200
    version = "1.15.5"
    delay_s = 0.0
    content: Any = None
    daemon_threads = True

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.keys: set[str | None] = set()


class Handler(BaseHTTPRequestHandler):
    server: Answers

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.keys.add(self.headers.get("api-key"))
        status, content = 200, {"result": True, "status": "ok", "time": 0}
        if self.path == "/":
            content = {"title": "qdrant", "version": self.server.version}
        elif self.command == "GET":
            content["result"] = COLLECTION
        elif self.server.status != 200:
            time.sleep(self.server.delay_s)
            status = self.server.status
            content = self.server.content or {"status": {"error": f"Wrong input for {status}"}}
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        with suppress(BrokenPipeError):  # a caller that gave up
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_PATCH = answer

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def answers() -> Iterator[Answers]:
    server = Answers(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def store(answers: Answers) -> Iterator[ServerStore]:
    client = QdrantClient(
        url=f"http://127.0.0.1:{answers.server_port}",
        timeout=1,
        check_compatibility=False,
        headers={"api-key": KEY},
    )
    yield ServerStore(client, "papers")
    client.close()


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (413, StoreTimeout, "too large"),
        (408, StoreTimeout, "too long"),
        (504, StoreTimeout, "too long"),
        (401, StoreError, "denied"),
        (403, StoreError, "denied"),
        (503, StoreUnavailable, "busy"),
        (400, StoreError, r"\(400\): Wrong input for 400"),
        (500, StoreError, r"\(500\)"),
    ],
)
def test_failed_writes(
    store: ServerStore, answers: Answers, status: int, error: type[StoreError], message: str
) -> None:
    answers.status = status
    with pytest.raises(error, match=message) as caught:
        store.upsert([Point(1, {"dense": ONES}, {})])
    assert type(caught.value) is error
    assert "papers" in str(caught.value)
    assert f"127.0.0.1:{answers.server_port}" in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_rate_limit_says_how_long_to_wait(store: ServerStore, answers: Answers) -> None:
    answers.status = 429
    with pytest.raises(StoreUnavailable):
        store.upsert([Point(1, {"dense": ONES}, {})])


def test_an_answer_that_is_no_json(store: ServerStore, answers: Answers) -> None:
    answers.status, answers.content = 502, b"<html>bad gateway</html>"
    with pytest.raises(StoreUnavailable):
        store.upsert([Point(1, {"dense": ONES}, {})])


def test_a_slow_server_is_a_timeout(store: ServerStore, answers: Answers) -> None:
    answers.status, answers.delay_s = 500, 3
    with pytest.raises(StoreTimeout, match="timeout_s"):
        store.upsert([Point(1, {"dense": ONES}, {})])


def test_no_server_is_unavailable() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    store = ServerStore(f"http://127.0.0.1:{port}", "papers")
    with pytest.raises(StoreUnavailable, match=f"papers.*127.0.0.1:{port}.*does not answer"):
        store.ensure(SPEC)
    store.close()


def test_an_old_server_cannot_keep_metadata_or_fuse(store: ServerStore) -> None:
    with pytest.raises(Unsupported, match=r"1\.16"):
        store.set_metadata({"a": 1})
    fused = SearchRequest(1, Fusion("rrf"), prefetch=(Prefetch(1, Nearest(ONES, "dense")),))
    with pytest.raises(Unsupported, match=r"runs Qdrant 1\.15\.5.*1\.17"):
        store.search(fused)


def test_a_filter_that_a_server_in_strict_mode_refuses(store: ServerStore, answers: Answers) -> None:
    answers.status = 400
    refused = (
        'Bad request: Index required but not found for "metadata.year" of one of the following types: '
        "[integer, float]. Help: Create an index for this key or use a different filter."
    )
    answers.content = {"status": {"error": refused}}
    with pytest.raises(
        FilterError, match=r"metadata\.year has no payload index.*filter-field INDEX year:integer"
    ):
        store.count({"must": [{"key": "metadata.year", "range": {"gte": 2020}}]})


def test_a_server_without_the_query_api(store: ServerStore, answers: Answers) -> None:
    answers.version = "1.9.7"
    with pytest.raises(Unsupported, match=r"runs Qdrant 1\.9\.7, which has no universal query API.*1\.10"):
        store.search(SearchRequest(1, Nearest(ONES, "dense")))
    awaited = store.awaitable()
    assert awaited is not None

    async def search() -> None:
        with pytest.raises(Unsupported, match=r"runs Qdrant 1\.9\.7.*1\.10"):
            await awaited.search_batch([SearchRequest(1, Nearest(ONES, "dense"))])
        await awaited.close()

    asyncio.run(search())


def test_an_awaited_store_has_the_same_key_and_errors(store: ServerStore, answers: Answers) -> None:
    awaited = store.awaitable()
    assert awaited is not None
    answers.status = 403

    async def fetch() -> None:
        with pytest.raises(StoreError, match=r"papers.*denied") as caught:
            await awaited.vectors([1], ["dense"])
        assert KEY not in str(caught.value)
        await awaited.close()

    asyncio.run(fetch())
    assert answers.keys == {KEY}


def test_a_missing_collection(store: ServerStore, answers: Answers) -> None:
    answers.status = 404
    answers.content = {"status": {"error": "Not found: Collection `papers` doesn't exist!"}}
    with pytest.raises(IndexNotFound, match="papers"):
        store.count()


class Refused(Exception):
    """What gRPC raises, as far as the translation looks at it."""

    def __init__(self, name: str, details: str = "") -> None:
        self._name, self._details = name, details

    def code(self) -> SimpleNamespace:
        return SimpleNamespace(name=self._name)

    def details(self) -> str:
        return self._details


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Refused("UNAVAILABLE"), StoreUnavailable),
        (Refused("DEADLINE_EXCEEDED"), StoreTimeout),
        (Refused("RESOURCE_EXHAUSTED"), StoreTimeout),
        (Refused("PERMISSION_DENIED"), StoreError),
        (Refused("NOT_FOUND", "Collection `papers` doesn't exist"), IndexNotFound),
        (Refused("INVALID_ARGUMENT", "wrong size"), StoreError),
        (ResourceExhaustedResponse("slow down", 7), StoreUnavailable),
        (ResponseHandlingException(httpx.ReadError("reset")), StoreUnavailable),
        (ResponseHandlingException(ValueError("no JSON")), StoreError),
        (NotImplementedError("facets"), Unsupported),
    ],
)
def test_other_failures(error: Exception, expected: type[StoreError]) -> None:
    with pytest.raises(expected, match="papers") as caught, translated("collection 'papers'"):
        raise error
    assert type(caught.value) is expected


def test_a_client_that_was_given_stays_open() -> None:
    client = QdrantClient(location=":memory:")
    first = ServerStore(client, "a")
    first.ensure(SPEC)
    first.set_metadata({"x": 1})
    client.update_collection("a", metadata={"theirs": 2})
    first.close()
    with pytest.raises(StoreError, match="closed"):
        first.count()
    assert ServerStore(client, "a").metadata() == {"x": 1}
    assert client.get_collection("a").config.metadata == {"augury": {"x": 1}, "theirs": 2}
    client.close()


def test_a_collection_with_one_unnamed_vector() -> None:
    client = QdrantClient(location=":memory:")
    client.create_collection("a", vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT))
    store = ServerStore(client, "a")
    assert store.info().vectors == ("",)
    store.upsert([Point(1, {"": ONES}, {"a": 1})])
    found = store.search(SearchRequest(1, Nearest(ONES, ""), vectors=("",)))[0]
    assert found.score == 2
    assert found.vectors[""].tolist() == [1, 1]  # type: ignore[union-attr]
    assert store.vectors([1], [""])[1].vectors[""].tolist() == [1, 1]  # type: ignore[union-attr]
    with pytest.raises(StoreError, match="'dense' is missing"):
        store.ensure(SPEC)
    client.close()
