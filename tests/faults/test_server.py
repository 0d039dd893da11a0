"""Whole runs against a server that is strict, slow, away for a while, or another than was meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr
from qdrant_client import models

import augury
from augury.connector.ingest import patience
from augury.connector.store.connect import connect
from augury.connector.store.server import ServerStore
from augury.errors import FilterError, StoreError, StoreTimeout, StoreUnavailable
from augury.schemas.collection import CollectionSpec, VectorSpec
from augury.schemas.connection import Connection
from augury.schemas.points import Nearest, Point, SearchRequest
from augury.schemas.profile import Profile
from tests.hashing import HashingDense, HashingSparse
from tests.qdrant_rest import QdrantRest, qdrant_rest
from tests.real_qdrant import RealQdrant

DOCUMENTS = [
    augury.Document(id=f"d{i}", text=f"word{i % 7} in text {i}", metadata={"n": i, "odd": str(i % 2)})
    for i in range(40)
]
PROFILE = Profile(indexes={"metadata.odd": "keyword"})


@pytest.fixture
def server() -> Iterator[QdrantRest]:
    with qdrant_rest() as running:
        yield running


def opened(where: str, **options: Any) -> augury.Index:
    return augury.open(
        where, **{"profile": PROFILE, "dense": HashingDense(), "sparse": HashingSparse(), **options}
    )


def whole_life(index: augury.Index) -> None:
    """Everything that filters or deletes."""
    assert index.ingest(DOCUMENTS).documents.written == 40
    assert index.ingest(DOCUMENTS).documents.unchanged == 40
    shorter = [DOCUMENTS[0].model_copy(update={"text": "other words"}), *DOCUMENTS[1:30]]
    report = index.ingest(shorter, sync=True)
    assert (report.documents.written, report.documents.deleted) == (1, 10)
    index.refold(0.5)
    hits = index.search("word3", limit=50, filter=augury.where(["odd=1"]), group=False)
    assert hits and all(hit.metadata["odd"] == "1" for hit in hits)
    status = index.status()
    assert (status.documents, status.passages) == (30, 30)


def test_in_strict_mode_nothing_of_augurys_own_lacks_an_index(server: QdrantRest) -> None:
    server.strict = True
    with opened(f"{server.url}/kb") as index:
        whole_life(index)
        first = next(i for i, line in enumerate(server.log) if "count" in line or "scroll" in line)
        assert max(i for i, line in enumerate(server.log) if line.endswith("/index")) < first
        with pytest.raises(FilterError, match=r"metadata\.n has no payload index.*filter-field INDEX n"):
            index.search("word3", filter=augury.where(["n>=3"]))
        index.add_filter_fields({"metadata.n": "integer"})
        assert index.search("word3", filter=augury.where(["n>=3"]))


@pytest.mark.parametrize("grpc", [False, True])
def test_a_real_server_in_strict_mode(real_qdrant: RealQdrant, grpc: bool) -> None:
    connection = real_qdrant.connection(grpc=grpc)
    client = connect(real_qdrant.url, connection)
    name = f"augury-test-strict-{grpc}"
    client.delete_collection(name)
    try:
        with opened(f"{real_qdrant.url}/{name}", connection=connection) as index:
            index.make()
            client.update_collection(
                name,
                strict_mode_config=models.StrictModeConfig(
                    enabled=True, unindexed_filtering_retrieve=False, unindexed_filtering_update=False
                ),
            )
            whole_life(index)
    finally:
        client.delete_collection(name)
        client.close()


def test_a_server_that_goes_away_and_comes_back_costs_nothing(
    server: QdrantRest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "_LONGEST_WAIT_S", 0.05)

    def documents() -> Iterator[augury.Document]:
        yield from DOCUMENTS[:20]
        server.away = 3
        yield from DOCUMENTS[20:]

    with opened(f"{server.url}/kb") as index:
        report = index.ingest(documents())
        assert (report.documents.written, report.documents.failed) == (40, 0)
        assert index.store.count() == 40


def test_a_server_that_stays_away_ends_the_run_and_the_next_one_resumes(
    server: QdrantRest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "_LONGEST_WAIT_S", 0.05)
    with opened(f"{server.url}/kb") as index:
        index.ingest(DOCUMENTS[:20])
        server.away = 10**6
        with pytest.raises(StoreUnavailable, match=r"'kb' at 127\.0\.0\.1:\d+") as caught:
            index.ingest(DOCUMENTS)
        assert caught.value.report is None or caught.value.report.stopped
    server.away = 0
    with opened(f"{server.url}/kb") as index:
        report = index.ingest(DOCUMENTS)
        assert (report.documents.unchanged, report.documents.written) == (20, 20)


def test_a_write_that_takes_too_long_says_how_much_went_where(server: QdrantRest) -> None:
    store = ServerStore(server.url, "kb", Connection(timeout_s=1))
    store.ensure(CollectionSpec(vectors={"dense": VectorSpec(size=1000)}))
    server.delay_s = 3
    points = [Point(i, {"dense": np.ones(1000, dtype=np.float32)}, {"text": "x" * 1000}) for i in range(500)]
    with pytest.raises(StoreTimeout) as caught:
        store.upsert(points)
    sentence = str(caught.value)
    assert f"'kb' at 127.0.0.1:{server.server_port} took too long to take 500 points of 2.4 MiB" in sentence
    assert "Write fewer points" in sentence and "--timeout" in sentence
    store.close()


def test_a_search_that_takes_too_long_says_so(server: QdrantRest) -> None:
    store = ServerStore(server.url, "kb", Connection(timeout_s=1))
    store.ensure(CollectionSpec(vectors={"dense": VectorSpec(size=2)}))
    store.search(SearchRequest(1, Nearest(np.ones(2, dtype=np.float32), "dense")))
    with server.lock, pytest.raises(StoreTimeout, match=r"too long to answer 2 searches\. Ask for less"):
        store.search_batch([SearchRequest(1, Nearest(np.ones(2, dtype=np.float32), "dense"))] * 2)
    store.close()


def test_a_wrong_key_ends_the_run_at_once(server: QdrantRest) -> None:
    server.key = "right"
    with pytest.raises(StoreError, match="denied access") as caught:
        opened(f"{server.url}/kb", connection=Connection(api_key=SecretStr("wr0ng")))
    assert "wr0ng" not in str(caught.value)


def test_a_host_that_is_not_there() -> None:
    with pytest.raises(StoreUnavailable, match=r"'kb' at qdrant\.invalid:6333 does not answer"):
        augury.open("http://qdrant.invalid:6333/kb")


def test_vectors_of_another_size_are_named(server: QdrantRest) -> None:
    client = connect(server.url, Connection())
    client.create_collection(
        "kb", vectors_config={"dense": models.VectorParams(size=3, distance=models.Distance.COSINE)}
    )
    client.close()
    with (
        opened(f"{server.url}/kb") as index,
        pytest.raises(StoreError, match="'dense' is 3 numbers, cosine, not 64 numbers, cosine"),
    ):
        index.ingest(DOCUMENTS)
