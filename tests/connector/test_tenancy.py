"""Several tenants in one index: nobody sees, replaces or deletes what is another's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import augury
from augury.errors import AuguryError, FilterError, QueryError, UsageError
from augury.schemas.plan import Tenant
from augury.schemas.profile import HypencoderProfile, Profile, RerankProfile
from tests.exact import ExactCrossEncoder, ExactDense, ExactReranker, ExactSparse
from tests.qdrant_rest import qdrant_rest

TENANTS = ("acme", "bolt", "Corp \N{SNOWMAN}")
PROFILE = Profile(tenant="owner.name", hypencoder=HypencoderProfile(model=""), rerank=RerankProfile(depth=5))


def document(doc_id: str, tenant: Any, text: str = "w1 w2", **metadata: Any) -> augury.Document:
    return augury.Document(id=doc_id, text=text, metadata={"owner": {"name": tenant}, **metadata})


DOCUMENTS = [
    document(f"d{number}", tenant, f"w{number % 5} of {tenant}", secret_of_bolt=1)
    if tenant == "bolt"
    else document(f"d{number}", tenant, f"w{number % 5} of {tenant}", n=number)
    for tenant in TENANTS
    for number in range(6)  # the same ids for each of them
]


def opened(where: str | Path, **options: Any) -> augury.Index:
    models = {"hypencoder": ExactReranker(), "cross_encoder": ExactCrossEncoder()}
    return augury.open(
        where, dense=ExactDense(), sparse=ExactSparse(), **{"profile": PROFILE, **models, **options}
    )


@pytest.fixture(scope="module", params=["edge", "memory", "rest"])
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[augury.Index]:
    with qdrant_rest() as server:
        server.strict = True
        places: dict[str, str | Path] = {
            "edge": tmp_path_factory.mktemp("tenants") / "i",
            "memory": ":memory:",
            "rest": f"{server.url}/kb",
        }
        with opened(places[request.param]) as made:
            report = made.ingest(DOCUMENTS)
            assert report.documents.written == len(DOCUMENTS) == made.store.count()
            yield made


def owners(hits: list[augury.Hit]) -> set[str]:
    return {hit.metadata["owner"]["name"] for hit in hits}


@pytest.mark.parametrize("tenant", TENANTS)
def test_a_search_finds_all_of_its_tenant_and_nothing_else(index: augury.Index, tenant: str) -> None:
    for options in (
        {},
        {"branches": ("dense",)},
        {"branches": ("sparse",)},
        {"alpha": 0.8},
        {"rerank": 4, "reranker": "hypencoder"},
        {"rerank": 4, "reranker": "cross-encoder"},
        {"diversity": 0.5},
        {"group": False},
        {"candidates": 1},
    ):
        hits = index.search("w1 of acme", limit=50, tenant=tenant, **options)
        assert owners(hits) == {tenant}, options
        assert len(hits) == len({hit.doc_id for hit in hits})
    assert len(index.search("w1", limit=50, tenant=tenant, branches=("dense",))) == 6


def test_a_search_without_a_tenant_is_refused_and_says_what_to_do(index: augury.Index) -> None:
    with pytest.raises(QueryError, match=r"several tenants.*metadata\.owner\.name.*--tenant VALUE"):
        index.search("w1")
    assert index.search("w1", tenant="nobody") == []


BOLT = {"key": "metadata.owner.name", "match": {"value": "bolt"}}
ANY = {"key": "doc_id", "match": {"any": [f"d{number}" for number in range(6)]}}
TRICKS: list[dict[str, Any]] = [
    {"must": [BOLT]},
    {"should": [BOLT]},
    {"should": [ANY, BOLT]},
    {"must_not": [{"key": "metadata.owner.name", "match": {"value": "acme"}}]},
    {"must_not": [{"must_not": [BOLT]}]},
    {"should": [{"must": [ANY]}, {"must_not": [ANY]}]},
    {"min_should": {"conditions": [ANY, BOLT], "min_count": 1}},
    {"must": [{"has_id": [PROFILE.point_id("d1", 0, "bolt")]}]},
]


@pytest.mark.parametrize("filter", TRICKS)
def test_no_filter_leads_to_another_tenant(index: augury.Index, filter: dict[str, Any]) -> None:
    hits = index.search("w1 of bolt", limit=50, tenant="acme", filter=filter)
    assert owners(hits) <= {"acme"}
    planned = index.retriever.plan("w1", augury.SearchOptions(tenant="acme", filter=filter))
    again = augury.QueryPlan.model_validate_json(planned.model_dump_json())
    assert owners(index.retriever.run([again])[0].hits) <= {"acme"}


conditions = st.sampled_from([BOLT, ANY, {"is_empty": {"key": "metadata.owner.name"}}])
clauses = st.recursive(
    conditions,
    lambda inner: st.dictionaries(
        st.sampled_from(["must", "should", "must_not"]), st.lists(inner, min_size=1, max_size=3), min_size=1
    ),
    max_leaves=6,
)


@settings(max_examples=40)
@given(st.lists(clauses, min_size=1, max_size=3), st.sampled_from(["must", "should", "must_not"]))
def test_not_any_filter_at_all(index: augury.Index, parts: list[Any], clause: str) -> None:
    hits = index.search("w1 of bolt", limit=50, tenant="acme", filter={clause: parts})
    assert owners(hits) <= {"acme"}


def test_plans_without_or_with_another_field_are_refused(index: augury.Index) -> None:
    plan = index.retriever.plan("w1", augury.SearchOptions(tenant="acme"))
    for tenant in (None, Tenant(field="metadata.n", value="acme")):
        with pytest.raises(QueryError, match="whose documents"):
            index.retriever.run([plan.model_copy(update={"tenant": tenant})])


def test_batches_and_async_searches_are_confined_too(index: augury.Index) -> None:
    plans = [
        index.retriever.plan("w1 of bolt", augury.SearchOptions(tenant=tenant, limit=50, rerank=3))
        for tenant in TENANTS
    ]
    assert [owners(result.hits) for result in index.retriever.run(plans)] == [{name} for name in TENANTS]

    async def all_of_them() -> list[set[str]]:
        async with index.async_retriever() as retriever:
            return [owners(each.hits) for each in await asyncio.gather(*map(retriever.run, plans))]

    assert asyncio.run(all_of_them()) == [{name} for name in TENANTS]


def test_advice_on_a_filter_names_no_field_of_another_tenant(index: augury.Index) -> None:
    if index.where.startswith("http"):
        pytest.skip("in strict mode the server refuses a field without an index")
    with pytest.raises(FilterError) as caught:
        index.search("w1", tenant="acme", filter=augury.where(["secret=1"]))
    assert "secret_of_bolt" not in str(caught.value)
    with pytest.raises(FilterError, match="No passage has"):
        index.search("w1", tenant="acme", filter=augury.where(["secret_of_bolt=1"]))
    assert index.search("w1", tenant="bolt", filter=augury.where(["secret_of_bolt=1"]))


@pytest.mark.parametrize("where", ["edge", ":memory:"])
def test_ingest_and_sync_keep_to_the_tenants_of_the_source(tmp_path: Path, where: str) -> None:
    with opened(where if where == ":memory:" else tmp_path / "i") as index:
        index.ingest(DOCUMENTS)
        assert index.ingest(DOCUMENTS).documents.unchanged == len(DOCUMENTS)
        changed = index.ingest([document("d1", "acme", "something else")])
        assert (changed.documents.written, changed.passages.deleted) == (1, 0)
        assert "w1 of bolt" in {hit.text for hit in index.search("w1", tenant="bolt", limit=50)}
        synced = index.ingest([document("d1", "acme", "something else")], sync=True)
        assert (synced.documents.unchanged, synced.documents.deleted) == (1, 5)
        counts = {
            name: len(index.search("w1", tenant=name, limit=50, branches=("dense",))) for name in TENANTS
        }
        assert counts == {TENANTS[0]: 1, TENANTS[1]: 6, TENANTS[2]: 6}


def test_documents_that_do_not_say_whose_they_are_fail_and_cost_nothing(tmp_path: Path) -> None:
    bad = [
        augury.Document(id="none", text="w1"),
        document("empty", ""),
        document("number", 7),
        document("two", ["acme", "bolt"]),
        augury.Document(id="flat", text="w1", metadata={"owner": "acme"}),
    ]
    with opened(tmp_path / "i") as index:
        index.ingest(DOCUMENTS)
        report = index.ingest([*bad, document("new", "acme")], sync=True)
        assert (report.documents.failed, report.documents.written, report.documents.deleted) == (5, 1, 0)
        assert all("metadata.owner.name" in failure.reason for failure in report.failures)
        assert any("Nothing was deleted" in note for note in report.notes)
        assert index.store.count() == len(DOCUMENTS) + 1


def test_an_index_keeps_its_tenant_field(tmp_path: Path) -> None:
    with opened(tmp_path / "i") as index:
        index.ingest(DOCUMENTS[:1])
    with pytest.raises(UsageError, match=r"by metadata\.owner\.name, not by metadata\.n"):
        opened(tmp_path / "i", profile=PROFILE.model_copy(update={"tenant": "metadata.n"}))
    with opened(tmp_path / "plain", profile=PROFILE.model_copy(update={"tenant": None})) as index:
        index.ingest(DOCUMENTS[:1])
        with pytest.raises(QueryError, match="has no tenants"):
            index.search("w1", tenant="acme")
    with pytest.raises(AuguryError):
        opened(tmp_path / "plain")
