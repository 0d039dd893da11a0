"""An app's collection is attached to, searched, kept up to date and given back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from qdrant_client import QdrantClient, models

import augury
from augury.connector.adopt.attach import Attachment
from augury.connector.store.server import ServerStore
from augury.errors import (
    AuguryError,
    IndexLocked,
    IndexNotFound,
    ModelMismatch,
    SourceError,
    Unsupported,
    UsageError,
)
from augury.schemas.points import FloatArray
from augury.schemas.profile import ScenarioProfile
from augury.schemas.scenario import Scenario
from tests.connector.adopt.dumps import COLLECTION, TOOLS, dump, everything, load
from tests.exact import ScenarioList
from tests.hashing import DIM, HashingDense, HashingSparse
from tests.real_qdrant import RealQdrant

QUERY = "mortar softer than the brick"


class OtherDense(HashingDense):
    """Another model of the same width."""

    name = "other-dense"

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        return np.asarray(super().encode_documents(texts)[:, ::-1], dtype=np.float32)

    encode_queries = encode_documents


@pytest.fixture(params=["memory", "server"])
def client(request: pytest.FixtureRequest) -> Iterator[QdrantClient]:
    if request.param == "memory":
        client = QdrantClient(location=":memory:")
    else:
        server: RealQdrant = request.getfixturevalue("real_qdrant")
        client = QdrantClient(url=server.url, api_key=server.key, check_compatibility=False)
    yield client
    for name in (COLLECTION, f"{COLLECTION}-augury"):
        client.delete_collection(name)
    client.close()


IN_PLACE = {"in_place": True}


def attached(client: QdrantClient, **options: Any) -> augury.Index:
    options = {"dense": HashingDense(), "sparse": HashingSparse(), **options}
    return augury.attach(client, COLLECTION, **options)


@pytest.mark.parametrize("tool", TOOLS)
def test_each_tool_is_told_by_its_payloads_and_searched(client: QdrantClient, tool: str) -> None:
    load(client, tool)
    before = everything(client)
    plan = Attachment(
        ServerStore(client, COLLECTION), COLLECTION, dense=HashingDense(), sparse=HashingSparse()
    ).plan
    assert everything(client) == before, "planning changes nothing"
    way = "live" if tool == "mcp" else "copy"  # the others have one vector without a name
    assert (plan.layout, plan.way, plan.text_share, plan.again) == (tool, way, 1.0, False)
    index = attached(client)
    assert index.where == (COLLECTION if way == "live" else f"{COLLECTION}-augury")
    if way == "copy":
        assert everything(client) == before, "the app's collection is not touched"
    hit = index.search(QUERY, limit=1)[0]
    assert hit.title == "Lime mortar"
    assert hit.text.startswith("Old brick walls")
    assert hit.metadata["year"] == 2024
    expected = {"llama-index": "document-2", "haystack": "passage-5"}
    if tool in expected:
        assert hit.doc_id == expected[tool]
    held_now = everything(client, index.where)["points"]
    for point in dump(tool)["points"]:
        payload, vector = held_now[point["id"]]
        assert {key: value for key, value in payload.items() if key != "_augury"} == point["payload"]
        held = point["vector"] if isinstance(point["vector"], dict) else {"": point["vector"]}
        assert {name: pytest.approx(row, abs=1e-6) for name, row in held.items()} == {
            name: vector[name] for name in held
        }


@pytest.mark.parametrize("in_place", [True, None])
@pytest.mark.parametrize("tool", TOOLS)
def test_detaching_gives_it_back_as_it_was(client: QdrantClient, tool: str, in_place: bool | None) -> None:
    load(client, tool)
    before = everything(client)
    attached(client, scenarios=ScenarioList({}), in_place=in_place)
    report = augury.detach(client, COLLECTION)
    assert report.points == 6
    after = everything(client)
    for part in ("vectors", "sparse", "metadata", "indexes"):
        assert after[part] == before[part], part
    assert after["points"].keys() == before["points"].keys()
    for point_id, (payload, vector) in before["points"].items():
        assert after["points"][point_id][0] == payload
        assert _named(after["points"][point_id][1]) == _named(vector)
    with pytest.raises(UsageError, match="not attached"):
        augury.detach(client, COLLECTION)


def _named(vector: Any) -> dict[str, Any]:
    return vector if isinstance(vector, dict) else {"": vector}


def test_the_apps_own_vector_is_searched_where_the_model_made_it(client: QdrantClient) -> None:
    load(client, "mcp")
    index = attached(client)
    assert index.profile.names.dense == "fast-hashing"
    assert index.profile.adopted is not None
    assert index.profile.adopted.vectors == ("augury_scenarios", "augury_sparse")
    augury.detach(client, COLLECTION)
    other = attached(client, dense=OtherDense())
    assert other.profile.names.dense == "augury_dense"
    assert other.search(QUERY, limit=1, branches=("dense",))[0].title == "Lime mortar"


def test_a_vector_that_the_model_did_not_make_is_refused(client: QdrantClient) -> None:
    load(client, "mcp")
    before = everything(client)
    with pytest.raises(ModelMismatch, match=r"'fast-hashing' \(64, cosine\) was not made by other-dense"):
        attached(client, dense=OtherDense(), dense_vector="fast-hashing")
    with pytest.raises(ModelMismatch, match=r"no vector 'dense'.*has 'fast-hashing' \(64, cosine\)"):
        attached(client, dense_vector="dense")
    assert everything(client) == before


def test_a_vector_of_another_size_is_refused(client: QdrantClient) -> None:
    client.create_collection(
        COLLECTION, vectors_config={"theirs": models.VectorParams(size=3, distance=models.Distance.COSINE)}
    )
    client.upsert(
        COLLECTION,
        [models.PointStruct(id=1, vector={"theirs": [1.0, 0.0, 0.0]}, payload={"text": "brick walls"})],
    )
    with pytest.raises(ModelMismatch, match=rf"'theirs' \(3, cosine\).*makes {DIM} numbers"):
        attached(client, dense_vector="theirs")
    assert attached(client).search("brick")[0].doc_id == "1"


@pytest.mark.parametrize("in_place", [True, False])
def test_again_does_only_what_is_new_or_changed(client: QdrantClient, in_place: bool) -> None:
    load(client, "mcp")
    seen: list[tuple[int, int]] = []

    def count(report: augury.IngestReport) -> None:
        seen.append((report.documents.written, report.documents.unchanged))

    attached(client, progress=count, in_place=in_place)
    assert seen[-1] == (6, 0)
    attached(client, progress=count)
    assert seen[-1] == (0, 6)
    ids = [point["id"] for point in dump("mcp")["points"]]
    vector = HashingDense().encode_documents(["a zeppelin over the lake"])[0].tolist()
    new = models.PointStruct(
        id=str(uuid.UUID(int=9)),
        vector={"fast-hashing": vector},
        payload={"document": "a zeppelin over the lake", "metadata": {"year": 1900}},
    )
    client.upsert(COLLECTION, [new])  # a new point, a text that was changed, and a point that was replaced
    client.set_payload(COLLECTION, {"document": "the dirigible has landed"}, points=[ids[0]])
    client.upsert(COLLECTION, [models.PointStruct(**dump("mcp")["points"][1])])
    index = attached(client, progress=count)
    assert seen[-1] == ((3, 4) if in_place else (2, 5)), "the copy still has what was replaced by the same"
    assert index.search("zeppelin", limit=1, branches=("sparse",))[0].doc_id == new.id
    assert index.search("dirigible", limit=1, branches=("sparse",))[0].doc_id == ids[0]
    assert index.status().passages == 7


def test_scenarios_are_folded_kept_and_refolded(client: QdrantClient) -> None:
    load(client, "mcp")
    point_id = next(p["id"] for p in dump("mcp")["points"] if "mortar" in p["payload"]["document"])
    needs = ScenarioList({point_id: ["repairing a garden boundary"]})
    unrelated = augury.Profile(scenarios=ScenarioProfile(floor=-1))  # hashes know of no likeness
    index = attached(client, scenarios=needs, profile=unrelated)
    hit = index.search("garden boundary", limit=1, branches=("scenarios",))[0]
    assert hit.doc_id == point_id
    assert hit.scenario is not None
    assert hit.scenario.need == "repairing a garden boundary"
    again = attached(client)  # says nothing of scenarios: they stay
    assert any(each.scenario for each in again.search("garden boundary", limit=6))
    before = everything(client)
    again.refold(0.7)
    after = augury.Retriever(client, COLLECTION, dense=HashingDense(), sparse=HashingSparse())
    assert after.profile.scenarios.alpha == 0.7
    options = augury.SearchOptions(limit=6, branches=("scenarios",))
    hits = after.search("garden boundary", options).hits
    found = next(each for each in hits if each.doc_id == point_id)
    assert found.scenario is not None
    assert found.scenario.similarity == pytest.approx(hit.scenario.similarity, abs=1e-3)
    for point_id, (payload, _) in everything(client)["points"].items():
        theirs = {key: value for key, value in payload.items() if key != "_augury"}
        stored = before["points"][point_id][0]
        assert theirs == {key: value for key, value in stored.items() if key != "_augury"}


def test_a_retriever_over_the_apps_client(client: QdrantClient) -> None:
    load(client, "langchain")
    with pytest.raises(IndexNotFound, match="augury attach"):
        augury.Retriever(client, COLLECTION)
    attached(client)
    retriever = augury.Retriever(client, COLLECTION, dense=HashingDense(), sparse=HashingSparse())
    found = retriever.search(QUERY, augury.SearchOptions(limit=2))
    assert found.hits[0].title == "Lime mortar"
    assert client.count(COLLECTION).count == 6, "the client stays open"


def test_filters_and_where_speak_of_the_apps_fields(client: QdrantClient) -> None:
    load(client, "haystack")
    index = attached(client, **IN_PLACE)
    condition = augury.where(["year>=2024"], layout=index.profile.payload)
    assert condition == {"must": [{"key": "meta.year", "range": {"gte": 2024}}]}
    assert [hit.title for hit in index.search("anything", filter=condition)] == ["Lime mortar"]
    index.add_filter_fields({"metadata.year": "integer"})
    assert index.profile.adopted is not None
    assert "meta.year" in index.profile.adopted.indexes


def test_ingest_is_left_to_the_app(client: QdrantClient) -> None:
    load(client, "langchain")
    index = attached(client)
    with pytest.raises(UsageError, match="written by the app"):
        index.ingest([augury.Document(id="a", text="b")])


def test_points_without_text_stay_as_they_are(client: QdrantClient) -> None:
    load(client, "langchain")
    bare = models.PointStruct(id=7, vector=[1.0] * DIM, payload={"image": "a.png"})
    client.upsert(COLLECTION, [bare])
    reports: list[augury.IngestReport] = []
    index = attached(client, text_field="page_content", progress=reports.append, in_place=True)
    assert any("1 points have no text under 'page_content'" in note for note in reports[-1].notes)
    assert client.retrieve(COLLECTION, [7])[0].payload == {"image": "a.png"}
    assert index.search(QUERY, limit=1)[0].title == "Lime mortar", "ids of both kinds"


def test_what_cannot_be_attached_to(client: QdrantClient) -> None:
    with pytest.raises(IndexNotFound, match="no collection kb"):
        attached(client)
    load(client, "langchain")
    with pytest.raises(SourceError, match=r"No point of kb has text under 'body'.*page_content"):
        attached(client, text_field="body")
    attached(client)
    with pytest.raises(UsageError, match=r"text from 'page_content', not 'metadata\.title'.*detach"):
        attached(client, text_field="metadata.title")
    with pytest.raises(ModelMismatch, match="other-dense"):
        attached(client, dense=OtherDense())
    with pytest.raises(UsageError, match="needs the name of a collection"):
        augury.attach(client)


def test_a_collection_without_text(client: QdrantClient) -> None:
    client.create_collection(
        COLLECTION, vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT)
    )
    with pytest.raises(SourceError, match="no points"):
        attached(client)
    client.upsert(COLLECTION, [models.PointStruct(id=1, vector=[1.0, 1.0], payload={"tags": ["a"]})])
    before = everything(client)
    with pytest.raises(SourceError, match=r"cannot be told.*needs text in the payload"):
        attached(client)
    assert everything(client) == before


def test_two_at_once(client: QdrantClient) -> None:
    load(client, "langchain")
    refused: list[AuguryError] = []

    def second(report: augury.IngestReport) -> None:
        try:
            attached(client)
        except IndexLocked as error:
            refused.append(error)

    attached(client, progress=second, **IN_PLACE)
    assert refused
    assert "Another attach works on kb" in str(refused[0])
    assert "augury_lease" not in everything(client)["metadata"]
    held = {"id": "x", "what": "attach", "host": "elsewhere", "process": 1, "until": 0}
    client.update_collection(COLLECTION, metadata={"augury_lease": held})
    attached(client)  # what ran out is taken over


class Stops(ScenarioList):
    """Ends the run at the second window or passage."""

    def __init__(self, error: BaseException) -> None:
        super().__init__({})
        self._error = error

    def scenarios(self, passages: Sequence[augury.Passage]) -> list[list[Scenario] | None]:
        raise self._error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), UsageError("a", "b")])
def test_what_was_stopped_is_finished_or_undone(client: QdrantClient, error: BaseException) -> None:
    load(client, "mcp")
    before = everything(client)
    with pytest.raises(type(error)):
        attached(client, scenarios=Stops(error))
    assert augury.detach(client, COLLECTION).points == 0
    assert everything(client)["metadata"] == before["metadata"]
    with pytest.raises(type(error)):
        attached(client, scenarios=Stops(error))
    assert attached(client).search(QUERY, limit=1)[0].title == "Lime mortar"


@pytest.mark.parametrize("alias", [False, True])
def test_a_server_that_cannot_add_vectors_gets_a_copy(
    client: QdrantClient, alias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ServerStore, "_version", lambda self: "1.17.1")
    load(client, "mcp", "real" if alias else COLLECTION)
    if alias:
        create = models.CreateAlias(collection_name="real", alias_name=COLLECTION)
        client.update_collection_aliases([models.CreateAliasOperation(create_alias=create)])
    before = everything(client)
    index = attached(client)
    assert index.where == (COLLECTION if alias else f"{COLLECTION}-augury")
    assert index.search(QUERY, limit=1)[0].title == "Lime mortar"
    copied = everything(client, "real-augury" if alias else f"{COLLECTION}-augury")
    assert copied["points"].keys() == before["points"].keys()
    new = models.PointStruct(
        id=5, vector={"fast-hashing": [1.0] * DIM}, payload={"document": "a zeppelin", "metadata": {}}
    )
    client.upsert(COLLECTION, [new])
    gone = dump("mcp")["points"][0]["id"]
    client.delete(COLLECTION, [gone])
    index = attached(client)
    assert index.search("zeppelin", limit=1, branches=("sparse",))[0].doc_id == "5"
    assert index.status().passages == 6
    report = augury.detach(client, COLLECTION)
    assert report.dropped_copy
    assert not client.collection_exists(report.dropped_copy)
    after = everything(client)
    assert after["points"].keys() == before["points"].keys() - {gone} | {5}, "what the app wrote is kept"
    assert after["vectors"] == before["vectors"]
    if alias:
        client.delete_collection("real")


def test_an_old_server_is_told_apart(client: QdrantClient, monkeypatch: pytest.MonkeyPatch) -> None:
    load(client, "langchain")
    monkeypatch.setattr(ServerStore, "_version", lambda self: "1.15.5")
    with pytest.raises(Unsupported, match=r"runs Qdrant 1\.15\.5, which has no collection metadata.*1\.16"):
        attached(client)
