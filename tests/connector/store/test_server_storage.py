"""How a collection is asked for: the profile's choices in the request that makes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import augury
from augury.connector.store.server import ServerStore
from augury.errors import StoreError, UsageError
from augury.schemas.collection import CollectionSpec, VectorSpec
from augury.schemas.points import Nearest, SearchRequest
from augury.schemas.profile import HypencoderProfile, Profile
from augury.schemas.storage import StorageProfile
from tests.exact import ExactReranker
from tests.hashing import HashingDense, HashingSparse
from tests.qdrant_rest import QdrantRest, qdrant_rest

DOCUMENTS = [augury.Document(id="a", text="word one", metadata={"customer": "acme"})]


@pytest.fixture
def server() -> Iterator[QdrantRest]:
    with qdrant_rest() as running:
        yield running


def opened(where: str | Path, **choices: Any) -> augury.Index:
    return augury.open(
        where,
        profile=Profile(**choices) if choices else None,
        dense=HashingDense(),
        sparse=HashingSparse(),
        hypencoder=ExactReranker() if "hypencoder" in choices else None,
    )


def made(server: QdrantRest, **choices: Any) -> dict[str, Any]:
    with opened(f"{server.url}/kb", **choices) as index:
        index.ingest(DOCUMENTS)
    return server.made["kb"]


def test_memory_is_the_default(server: QdrantRest) -> None:
    body = made(server)
    for name in ("dense", "scenarios"):
        vector = body["vectors"][name]
        assert (vector["on_disk"], vector["hnsw_config"]) == (False, {"on_disk": False})
        assert "quantization_config" not in vector
    assert body["sparse_vectors"]["sparse"]["index"] == {"on_disk": False}
    assert body["on_disk_payload"] is True
    assert not {"shard_number", "replication_factor", "write_consistency_factor"} & body.keys()
    assert server.indexes["kb"]["doc_id"] == "keyword"


def test_disk_moves_all_of_it_and_keeps_what_is_quantized_in_memory(server: QdrantRest) -> None:
    body = made(server, storage=StorageProfile(mode="disk", quantization="int8"))
    vector = body["vectors"]["scenarios"]
    assert (vector["on_disk"], vector["hnsw_config"]) == (True, {"on_disk": True})
    assert vector["quantization_config"] == {"scalar": {"type": "int8", "always_ram": True}}
    assert body["sparse_vectors"]["sparse"]["index"] == {"on_disk": True}
    assert body["on_disk_payload"] is True
    assert server.indexes["kb"]["doc_id"] == {"type": "keyword", "on_disk": True}


def test_each_part_can_be_kept_elsewhere(server: QdrantRest) -> None:
    storage = StorageProfile(
        mode="disk", vectors_on_disk=False, graph_on_disk=False, payload_on_disk=False, indexes_on_disk=False
    )
    body = made(server, storage=storage)
    vector = body["vectors"]["dense"]
    assert (vector["on_disk"], vector["hnsw_config"]) == (False, {"on_disk": False})
    assert body["on_disk_payload"] is False
    assert body["sparse_vectors"]["sparse"]["index"] == {"on_disk": True}
    assert server.indexes["kb"]["doc_id"] == "keyword"


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("binary", {"binary": {"always_ram": False}}),
        ("product", {"product": {"compression": "x16", "always_ram": False}}),
    ],
)
def test_quantization(server: QdrantRest, kind: Any, config: dict[str, Any]) -> None:
    storage = StorageProfile(quantization=kind, quantized_in_memory=False)
    body = made(server, storage=storage, hypencoder=HypencoderProfile(model=""))
    assert body["vectors"]["dense"]["quantization_config"] == config
    fetched_only = body["vectors"]["hypencoder"]
    assert "quantization_config" not in fetched_only
    assert (fetched_only["hnsw_config"], fetched_only["on_disk"]) == ({"m": 0}, True)


def test_a_cluster(server: QdrantRest) -> None:
    body = made(server, storage=StorageProfile(shards=6, replicas=2, write_consistency=2))
    spread = {"shard_number": 6, "replication_factor": 2, "write_consistency_factor": 2}
    assert {name: body[name] for name in spread} == spread


def test_tenants_have_an_index_and_graphs_of_their_own(server: QdrantRest) -> None:
    body = made(server, tenant="customer")
    assert server.indexes["kb"]["metadata.customer"] == {"type": "keyword", "is_tenant": True}
    assert body["vectors"]["dense"]["hnsw_config"] == {"m": 0, "payload_m": 16, "on_disk": False}


def test_an_index_keeps_the_way_it_was_made(server: QdrantRest) -> None:
    made(server, storage=StorageProfile(shards=2))
    where = f"{server.url}/kb"
    with pytest.raises(UsageError, match=r"made with shards 2, not 3.*new index"):
        opened(where, storage=StorageProfile(shards=3))
    with pytest.raises(UsageError, match=r"made with storage memory, not disk"):
        opened(where, storage=StorageProfile(mode="disk", shards=2))
    with opened(where, storage=StorageProfile(shards=2, oversampling=4, rescore=False)) as index:
        assert index.profile.storage.oversampling == 4  # of searches, so it may change


def test_an_empty_collection_of_somebody_else_is_not_taken_for_what_was_asked(server: QdrantRest) -> None:
    spec = CollectionSpec(vectors={"dense": VectorSpec(size=2)}, storage=StorageProfile(shards=2))
    first = ServerStore(server.url, "kb")
    first.ensure(spec)
    first.ensure(spec)  # as after a kill between making it and storing the profile
    storage = StorageProfile(mode="disk", quantization="binary", shards=3)
    with pytest.raises(StoreError) as caught:
        first.ensure(spec.model_copy(update={"storage": storage}))
    for difference in ("shards 2, not 3", "quantization none, not binary", "in memory, not on disk"):
        assert difference in str(caught.value)
    first.close()


def test_a_search_of_quantized_vectors_scores_the_best_again(server: QdrantRest) -> None:
    with opened(f"{server.url}/kb", storage=StorageProfile(quantization="int8", oversampling=3)) as index:
        index.ingest(DOCUMENTS)
        assert index.retriever.plan("word").oversampling == 3
        assert index.search("word")[0].doc_id == "a"
    with opened(":memory:") as plain:
        plain.ingest(DOCUMENTS)
        plan = plain.retriever.plan("word")
        assert (plan.oversampling, plan.exact) == (None, False)
        assert plain.retriever.plan("word", augury.SearchOptions(exact=True)).exact


@pytest.mark.parametrize(
    ("oversampling", "asked"),
    [(None, None), (0, {"rescore": False}), (2.5, {"rescore": True, "oversampling": 2.5})],
)
def test_rescoring_in_the_request(oversampling: float | None, asked: Any) -> None:
    from augury.connector.store.server_wire import to_query

    spec = CollectionSpec(vectors={"dense": VectorSpec(size=2)})
    vector = HashingDense().encode_queries(["a"])[0][:2]
    request = SearchRequest(1, Nearest(vector, "dense"), exact=False, oversampling=oversampling)
    params = to_query(request, spec).params
    assert params is not None
    assert params.exact is False
    given = params.quantization and params.quantization.model_dump(exclude_unset=True)
    assert given == asked


def test_the_embedded_engine_says_what_it_has_no_use_for(tmp_path: Path) -> None:
    storage = StorageProfile(mode="disk", shards=3)
    with opened(tmp_path / "i", storage=storage) as index:
        notes = index.ingest(DOCUMENTS).notes
        assert len(notes) == 1 and "no use for storage disk, shards 3" in notes[0]
        assert not index.ingest(DOCUMENTS).notes
    with opened(tmp_path / "plain") as index:
        assert not index.ingest(DOCUMENTS).notes


def test_storage_and_tenant_leave_fingerprints_and_old_profiles_alone() -> None:
    old = Profile()
    new = Profile(storage=StorageProfile(mode="disk", shards=3), tenant="customer")
    assert new.fingerprint("a", "b", "c") == old.fingerprint("a", "b", "c")
    assert new.point_id("a", 0) == old.point_id("a", 0)
    stored = old.model_dump(mode="json")
    for later in ("storage", "tenant"):
        del stored[later]
    del stored["search"]["exact"]
    assert Profile.model_validate(stored) == old


def test_contradictions() -> None:
    assert Profile.model_validate({"storage": "disk"}).storage == StorageProfile(mode="disk")
    with pytest.raises(ValidationError, match="write consistency of 3 is more than the 2 replicas"):
        StorageProfile(replicas=2, write_consistency=3)
    with pytest.raises(ValidationError, match="indexed as keyword"):
        Profile(tenant="customer", indexes={"metadata.customer": "integer"})
    with pytest.raises(ValidationError, match="no name of a metadata field"):
        Profile(tenant="a[]")
