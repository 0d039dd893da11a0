"""Searches end to end on both in-process engines: exact rankings, explanations, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import augury
from augury.connector.fold import fold
from augury.connector.query.parts import SearchParts
from augury.errors import FilterError, ModelError, ModelMismatch, QueryError
from augury.schemas.hit import Hit, SearchResult
from augury.schemas.profile import ChunkProfile, HypencoderProfile, Profile, RerankProfile, ScenarioProfile
from tests.exact import ExactCrossEncoder, ExactDense, ExactReranker, ExactSparse, ScenarioList, signs

ALPHA = 0.25
WORDS = [f"w{number}" for number in range(7)]
DOCUMENTS = [
    augury.Document(
        id=f"d{number}",
        title=WORDS[number % 7],
        text="\n\n".join(
            f"{WORDS[(number + part) % 7]} of part {part} end{number % 4}" for part in range(1 + number % 3)
        ),
        metadata={
            "n": number,
            "kind": "odd" if number % 2 else "even",
            **({"rare": 1} if number == 5 else {}),
        },
    )
    for number in range(60)
]
SCENARIOS = {
    f"d{number}": [f"{WORDS[number % 5]} need", f"v{number % 3} need"][: number % 3] for number in range(60)
}
PROFILE = Profile(
    chunk=ChunkProfile(min_chars=5, max_chars=30, overlap=0),
    scenarios=ScenarioProfile(alpha=ALPHA, fields=("need",), floor=-1),
    hypencoder=HypencoderProfile(model=""),
    indexes={"metadata.kind": "keyword"},
)


def opened(where: str | Path, **options: Any) -> augury.Index:
    models = {"hypencoder": ExactReranker(), "cross_encoder": ExactCrossEncoder()}
    return augury.open(
        where, dense=ExactDense(), sparse=ExactSparse(), **{"profile": PROFILE, **models, **options}
    )


@pytest.fixture(scope="module")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, augury.Index]]:
    with opened(tmp_path_factory.mktemp("exact") / "edge") as edge, opened(":memory:") as memory:
        for index in (edge, memory):
            index.ingest(DOCUMENTS, scenarios=ScenarioList(SCENARIOS))
        yield {"edge": edge, "memory": memory}


filters = st.sampled_from(
    [None, augury.where(["kind=odd"]), augury.where(["n>=20", "kind!=odd"]), augury.where(["n<0"])]
)
options = st.fixed_dictionaries(
    {"limit": st.integers(1, 70), "filter": filters},
    optional={
        "branches": st.sampled_from(
            [("dense",), ("scenarios",), ("sparse",), ("dense", "sparse"), ("scenarios", "dense", "sparse")]
        ),
        "alpha": st.sampled_from([0.0, 0.5, 1.0]),
        "fusion": st.sampled_from(["rrf", "dbsf", "weighted"]),
        "candidates": st.integers(1, 200),
        "rerank": st.integers(0, 80),
        "reranker": st.sampled_from(["hypencoder", "cross-encoder"]),
        "rerank_weight": st.sampled_from([0.0, 0.5, 1.0]),
        "diversity": st.sampled_from([0.0, 0.25, 1.0]),
        "group": st.booleans(),
    },
)
queries = st.lists(st.sampled_from([*WORDS, "end1", "v2", "part"]), min_size=1, max_size=3).map(" ".join)


def outcome(result: SearchResult) -> list[Any]:
    return [(hit.doc_id, hit.chunk, hit.score, hit.explanation) for hit in result.hits]


@given(queries, options)
def test_a_plan_gives_the_same_on_every_store(
    indexes: dict[str, augury.Index], query: str, given_options: dict[str, Any]
) -> None:
    plan = indexes["edge"].retriever.plan(query, augury.SearchOptions(**given_options))
    edge, memory = (outcome(index.retriever.run([plan])[0]) for index in indexes.values())
    assert [row[:2] for row in edge] == [row[:2] for row in memory]
    for mine, theirs in zip(edge, memory, strict=True):
        assert mine[2] == pytest.approx(theirs[2], abs=1e-6)
        assert mine[3] == theirs[3] or plan.alpha is not None or plan.diversity > 0


@given(queries, options)
def test_limit_groups_and_filters_are_exact(
    indexes: dict[str, augury.Index], query: str, given_options: dict[str, Any]
) -> None:
    hits = indexes["edge"].retriever.search(query, augury.SearchOptions(**given_options)).hits
    numbers = [hit.metadata["n"] for hit in hits]
    filter = given_options["filter"]
    if filter == augury.where(["kind=odd"]):
        assert all(number % 2 for number in numbers)
    elif filter == augury.where(["n>=20", "kind!=odd"]):
        assert all(number >= 20 and number % 2 == 0 for number in numbers)
    elif filter is not None:
        assert not hits
    assert len(hits) <= given_options["limit"]
    if given_options.get("group", True):
        assert len({hit.doc_id for hit in hits}) == len(hits)
    else:
        assert len({(hit.doc_id, hit.chunk) for hit in hits}) == len(hits)


def ranking(query: str, *, group: bool) -> list[tuple[str, float]]:
    """What the scenarios branch should find, worked out without an engine."""
    vector = signs(query)
    profile = PROFILE
    found: list[tuple[float, str, str]] = []
    with opened(":memory:") as index:
        index.ingest(DOCUMENTS, scenarios=ScenarioList(SCENARIOS))
        for records in index.store.scroll(payload=("doc_id", "title", "text", "scenarios")):
            for record in records:
                payload = record.payload
                passage = signs(f"{payload['title']} {payload['text']}")
                needs = [signs(scenario["need"]) for scenario in payload["scenarios"]]
                rows = fold(passage, np.array(needs).reshape(-1, 64), profile.scenarios.alpha)
                found.append((-float((rows @ vector).max()), str(record.id), payload["doc_id"]))
    found.sort()
    if not group:
        return [(doc_id, -score) for score, _, doc_id in found]
    best: dict[str, float] = {}
    for score, _, doc_id in found:
        best.setdefault(doc_id, -score)
    return list(best.items())


@pytest.mark.parametrize("group", [True, False])
@pytest.mark.parametrize("limit", [1, 7, 59, 60, 500])
def test_ties_are_broken_by_id_and_nothing_is_missing(
    indexes: dict[str, augury.Index], limit: int, group: bool
) -> None:
    expected = ranking("w2", group=group)
    assert len({score for _, score in expected}) <= len(expected) / 2  # there are ties to break
    for index in indexes.values():
        asked = augury.SearchOptions(limit=limit, branches=("scenarios",), group=group, candidates=1)
        hits = index.retriever.search("w2", asked).hits
        assert [(hit.doc_id, hit.score) for hit in hits] == expected[:limit]


def test_a_hit_says_why(indexes: dict[str, augury.Index]) -> None:
    asked = augury.SearchOptions(limit=5, rerank=20, rerank_weight=1.0, fusion="rrf")
    result = indexes["edge"].retriever.search("w3 end1", asked)
    assert result.plan == indexes["edge"].retriever.plan("w3 end1", asked)
    assert {"encode", "search", "fetch", "rerank", "total"} == set(result.timings_ms)
    places = [hit.explanation for hit in result.hits]
    assert all(why.reranked for why in places)
    scores = [why.reranked.score for why in places if why.reranked]
    assert scores == sorted(scores, reverse=True)
    for why in places:
        shares = {name: 1 / (60 + place.rank) for name, place in why.branches.items()}
        weights = {branch.name: branch.weight for branch in result.plan.branches}
        assert why.fused.score == pytest.approx(sum(weights[name] * share for name, share in shares.items()))
    named: Hit = next(hit for hit in result.hits if hit.scenario)
    assert named.scenario and named.scenario.need in SCENARIOS[named.doc_id]


def test_reranking_goes_by_the_stored_vectors(indexes: dict[str, augury.Index]) -> None:
    by_hand = {
        document.id: float(signs("w1", 32) @ signs(f"end{number % 4}", 32))
        for number, document in enumerate(DOCUMENTS)
    }
    for fetch in ({"branches": ("dense",)}, {"branches": ("dense", "sparse")}):
        hits = indexes["edge"].search("w1", limit=60, rerank=500, rerank_weight=1.0, **fetch)
        assert {
            hit.doc_id: hit.explanation.reranked.score for hit in hits if hit.explanation.reranked
        } == by_hand


def test_only_the_head_is_reranked(indexes: dict[str, augury.Index]) -> None:
    hits = indexes["edge"].search("w1", limit=3, rerank=3, candidates=50, group=False)
    assert all(hit.explanation.reranked and hit.explanation.fused.rank <= 3 for hit in hits)
    assert not any(hit.explanation.reranked for hit in indexes["edge"].search("w1", rerank=0))


def test_a_cross_encoder_reads_the_text(indexes: dict[str, augury.Index]) -> None:
    hits = indexes["edge"].search("w3 part end2", limit=3, reranker="cross-encoder", rerank_weight=1.0)
    assert [hit.explanation.reranked.score for hit in hits if hit.explanation.reranked] == [3, 3, 3]
    assert all("end2" in hit.text for hit in hits)


def test_many_plans_at_once_find_what_each_finds_alone(indexes: dict[str, augury.Index]) -> None:
    retriever = indexes["edge"].retriever
    plans = [
        retriever.plan("w1", augury.SearchOptions(limit=3)),
        retriever.plan("w2 end1", augury.SearchOptions(rerank=10)),
        retriever.plan("w3", augury.SearchOptions(filter=augury.where(["n>=30"]), branches=("sparse",))),
        retriever.plan("w4", augury.SearchOptions(diversity=0.5, reranker="cross-encoder")),
        retriever.plan("w5", augury.SearchOptions(alpha=0.75)),
    ]
    together = [outcome(result) for result in retriever.run(plans)]
    assert together == [outcome(retriever.run([plan])[0]) for plan in plans]
    assert retriever.run([]) == []


def test_fields_that_nothing_has(indexes: dict[str, augury.Index]) -> None:
    index = indexes["edge"]
    with pytest.raises(FilterError, match=r"'metadata\.knd'\. Did you mean kind\? There are kind, n"):
        index.search("w1", filter=augury.where(["knd=odd"]))
    result = index.retriever.search("w1", augury.SearchOptions(filter=augury.where(["knd!=odd"])))
    assert len(result.hits) == 10
    assert any("No passage has a field 'metadata.knd'" in note for note in result.notes)
    assert [hit.doc_id for hit in index.search("w1", filter=augury.where(["rare=1"]))] == ["d5"]


def test_a_field_that_need_not_be_there_is_no_error(indexes: dict[str, augury.Index]) -> None:
    known = {"key": "metadata.kind", "match": {"value": "odd"}}
    unknown = {"key": "metadata.nosuch", "match": {"value": 1}}
    for filter in (
        {"should": [known, unknown]},
        {"must": [known], "min_should": {"conditions": [known, unknown], "min_count": 1}},
        {"must": [known, {"key": "metadata.nosuch", "is_empty": True}]},
        {"must": [known, {"is_empty": {"key": "metadata.nosuch"}}]},
        {"must": [known], "must_not": [unknown]},
    ):
        result = indexes["edge"].retriever.search("w1", augury.SearchOptions(filter=filter, limit=60))
        assert len(result.hits) == 30
        assert any("'metadata.nosuch'" in note for note in result.notes)
    for needed in ({"must": [unknown]}, {"must": [{"should": [unknown, unknown]}]}):
        with pytest.raises(FilterError, match="nosuch"):
            indexes["edge"].search("w1", filter=needed)


def test_documents_of_many_passages_are_searched_for_further_and_say_so(tmp_path: Path) -> None:
    long = augury.Document(id="long", text=" ".join(f"w1 number {i}." for i in range(120)))
    profile = PROFILE.model_copy(update={"rerank": RerankProfile(by="hypencoder")})
    with opened(":memory:", profile=profile) as index:
        index.ingest([long, augury.Document(id="other", text="v9 v9")])
        assert 100 < index.store.count() <= 400
        result = index.retriever.search("w1", augury.SearchOptions(branches=("dense",), limit=2))
        assert [hit.doc_id for hit in result.hits] == ["long", "other"]
        assert "searched for 400 passages, because 100 were of fewer than 2 documents" in result.notes[0]


def test_a_plan_from_before_a_refold_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "index") as index:
        index.ingest(DOCUMENTS[:9], scenarios=ScenarioList(SCENARIOS))
        plan = index.retriever.plan("w1", augury.SearchOptions(alpha=0.75))
        index.retriever.run([plan])
        index.refold(0.5)
        with pytest.raises(QueryError, match=r"folded with alpha 0\.25, not 0\.5"):
            index.retriever.run([plan])


def test_a_field_that_is_indexed_may_have_no_passage(tmp_path: Path) -> None:
    with opened(tmp_path / "index") as index:
        index.ingest(DOCUMENTS[:3])
        index.add_filter_fields({"metadata.tenant": "keyword"})
        found = index.retriever.search("w1", augury.SearchOptions(filter=augury.where(["tenant=a"])))
        assert found.hits == [] and "No passage has a field 'metadata.tenant'" in found.notes[0]
        assert index.status().payload_indexes["metadata.tenant"] == "keyword"
    with opened(tmp_path / "index", profile=None) as index:
        assert index.profile.indexes["metadata.tenant"] == "keyword"


def test_q_nets_of_another_width(tmp_path: Path) -> None:
    class Wide(ExactReranker):
        name, dim = "wide", 768

    with opened(
        tmp_path / "index", hypencoder=None, profile=PROFILE.model_copy(update={"hypencoder": None})
    ) as index:
        index.ingest(DOCUMENTS[:3])

    def reads_dense(profile: Profile) -> Profile:
        return profile.model_copy(update={"hypencoder": HypencoderProfile(model="wide", reads="dense")})

    with (
        opened(tmp_path / "index", hypencoder=Wide(), profile=reads_dense) as index,
        pytest.raises(ModelError, match=r"of wide read vectors of 768 numbers, and those of .* have 64"),
    ):
        index.search("w1", rerank=5)

    def own_vectors(profile: Profile) -> Profile:
        return profile.model_copy(update={"hypencoder": HypencoderProfile(model="wide")})

    with pytest.raises(ModelMismatch, match="made with the hypencoder none, not with wide"):
        opened(tmp_path / "index", hypencoder=Wide(), profile=own_vectors)
    with (
        opened(tmp_path / "new", hypencoder=Wide(), profile=reads_dense(PROFILE)) as index,
        pytest.raises(ModelError, match="768 numbers"),
    ):
        index.ingest(DOCUMENTS[:3])


def test_q_nets_that_read_the_dense_vectors_need_no_ingest(tmp_path: Path) -> None:
    class OnDense(ExactReranker):
        name, dim = "on-dense", 64

    plain = PROFILE.model_copy(update={"hypencoder": None})
    with opened(tmp_path / "index", hypencoder=None, profile=plain) as index:
        index.ingest(DOCUMENTS[:9])

    def reads_dense(profile: Profile) -> Profile:
        return profile.model_copy(update={"hypencoder": HypencoderProfile(model="on-dense", reads="dense")})

    with opened(tmp_path / "index", hypencoder=OnDense(), profile=None) as index:
        assert index.profile.hypencoder == HypencoderProfile(model="on-dense", reads="dense")
    with opened(tmp_path / "index", hypencoder=OnDense(), profile=reads_dense) as index:
        for hit in index.search("w1 x", rerank=50):
            assert hit.explanation.reranked
            expected = float(signs("w1 x") @ signs(f"{hit.title} {hit.text}"))
            assert hit.explanation.reranked.score == expected


def test_a_profile_may_rerank_by_itself(tmp_path: Path) -> None:
    profile = PROFILE.model_copy(update={"rerank": RerankProfile(by="hypencoder", depth=7)})
    with opened(tmp_path / "index", profile=profile) as index:
        index.ingest(DOCUMENTS)
        result = index.retriever.search("w1", augury.SearchOptions(limit=5))
        assert result.plan.rerank is not None and result.plan.rerank.depth == 7
        assert index.store.info().vectors.count("hypencoder") == 1


def test_a_retriever_without_what_a_plan_needs(indexes: dict[str, augury.Index]) -> None:
    index = indexes["memory"]
    bare = augury.Retriever.over(index.store, SearchParts(index.profile, ExactDense(), ExactSparse()))
    for asked, says in (({"expand": "rules"}, "expander"), ({"rerank": 5}, "reranker")):
        with pytest.raises(QueryError, match=says):
            bare.search("w1", augury.SearchOptions.model_validate(asked))
