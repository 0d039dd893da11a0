"""Plans: what they decide, that they round-trip, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from augury import QueryPlan, QueryPlanner, SearchOptions, where
from augury.errors import FilterError, QueryError
from augury.schemas.plan import Branch
from augury.schemas.profile import HypencoderProfile, Profile, RerankProfile

plan = QueryPlanner().plan
WITH_HYPENCODER = Profile(
    hypencoder=HypencoderProfile(model="m", dim=8), rerank=RerankProfile(by="hypencoder")
)

share = st.floats(0, 1)
options = st.fixed_dictionaries(
    {"limit": st.integers(1, 500)},
    optional={
        "branches": st.permutations(["scenarios", "dense", "sparse"]).flatmap(
            lambda names: st.integers(1, 3).map(lambda count: tuple(names[:count]))
        ),
        "filter": st.sampled_from([where(["a=1"]), where(["year>=2020", "b!=x"])]),
        "alpha": share,
        "expand": st.sampled_from(["off", "rules", "llm", "auto"]),
        "fusion": st.sampled_from(["rrf", "dbsf", "weighted"]),
        "candidates": st.integers(1, 500),
        "rerank": st.integers(0, 500),
        "rerank_weight": share,
        "diversity": share,
        "group": st.booleans(),
    },
)


@given(st.text().filter(lambda text: text.strip() and text.isprintable()), options)
def test_a_plan_round_trips_as_json(query: str, given_options: dict[str, Any]) -> None:
    made = plan(query, WITH_HYPENCODER, SearchOptions(**given_options))
    again = QueryPlan.model_validate_json(made.model_dump_json(indent=2))
    assert again == made
    assert all(branch.limit >= made.limit for branch in made.branches)
    assert made.rerank is None or made.limit <= made.rerank.depth <= made.branches[0].limit


def test_the_default_plan() -> None:
    made = plan("a need", Profile(), SearchOptions())
    assert [(branch.name, branch.limit) for branch in made.branches] == [("scenarios", 100), ("sparse", 100)]
    assert (made.fusion, made.rerank, made.diversity, made.notes) == ("dbsf", None, 0, ())


def test_the_profile_decides_what_options_leave_open() -> None:
    made = plan("a need", WITH_HYPENCODER, SearchOptions())
    assert made.rerank is not None
    assert (made.rerank.by, made.rerank.using, made.rerank.depth) == ("hypencoder", "hypencoder", 100)
    assert plan("a need", WITH_HYPENCODER, SearchOptions(rerank=0)).rerank is None
    reads_dense = Profile(hypencoder=HypencoderProfile(model="m", dim=384, reads="dense"))
    assert plan("a need", reads_dense, SearchOptions()).rerank is None  # named, but not asked for
    asked = plan("a need", reads_dense, SearchOptions(rerank=20)).rerank
    assert asked is not None and (asked.using, asked.depth) == ("dense", 20)


def test_vectors_come_with_the_search_where_all_found_are_reranked() -> None:
    def fetch(**options: Any) -> str:
        stage = plan("a need", WITH_HYPENCODER, SearchOptions(**options)).rerank
        assert stage is not None
        return stage.fetch

    assert fetch() == "by id"  # two branches find up to 200 passages
    assert fetch(branches=("dense",)) == "with the search"
    assert fetch(branches=("dense",), rerank=10) == "by id"
    assert fetch(branches=("scenarios",), alpha=0.9) == "by id"


@pytest.mark.parametrize(
    ("profile", "given_options", "says"),
    [
        (Profile(), {"rerank": 10}, "no reranker.*--cross-encoder"),
        (Profile(), {"reranker": "cross-encoder"}, "No cross-encoder is named"),
        (Profile(), {"reranker": "hypencoder"}, "no reranker"),
        (Profile(), {"weights": {"dense": 2.0}}, "dense branch has a weight but is not searched"),
        (Profile(), {"weights": {"sparse": -1.0}}, "weight of the sparse branch is -1"),
        (Profile(sparse=None), {"branches": ("sparse",)}, "no sparse vectors"),
        (Profile(), {"branches": ()}, "No branch"),
    ],
)
def test_what_an_index_cannot_do(profile: Profile, given_options: dict[str, Any], says: str) -> None:
    with pytest.raises(QueryError, match=says):
        plan("a need", profile, SearchOptions(**given_options))


@pytest.mark.parametrize(
    ("query", "says"),
    [("", "empty"), (" \n ", "empty"), ("\ud800", "Unicode"), ("word " * 10_000, "10,000 words")],
)
def test_a_query_that_is_none(query: str, says: str) -> None:
    with pytest.raises(QueryError, match=says) as caught:
        plan(query, Profile(), SearchOptions())
    assert len(str(caught.value)) < 200


def test_a_long_query_is_searched_with_a_note() -> None:
    assert "800 words" in plan("word " * 800, Profile(), SearchOptions()).notes[0]


def test_a_filter_without_an_index_names_the_command_that_adds_it() -> None:
    filter = where(["year>=2020", "subject=sailing", "n=3"])
    notes = plan("boats", Profile(), SearchOptions(filter=filter)).notes
    assert [note.partition("Add one: ")[2] for note in notes] == [
        "augury filter-field INDEX year:float",
        "augury filter-field INDEX subject:keyword",
        "augury filter-field INDEX n:integer",
    ]
    indexed = Profile(indexes={"metadata.year": "integer", "metadata.subject": "keyword"})
    assert len(plan("boats", indexed, SearchOptions(filter=filter)).notes) == 1


def test_fields_are_found_wherever_they_stand() -> None:
    filter = {
        "must": [
            {
                "should": [
                    {"key": "metadata.place", "geo_radius": {"center": {"lon": 1, "lat": 1}, "radius": 9}}
                ]
            }
        ],
        "min_should": {"conditions": [{"key": "metadata.on", "match": {"value": True}}], "min_count": 1},
        "must_not": [
            {
                "nested": {
                    "key": "metadata.by",
                    "filter": {"must": [{"key": "born", "range": {"gt": "1900-01-01"}}]},
                }
            }
        ],
    }
    notes = plan("boats", Profile(), SearchOptions(filter=filter)).notes
    assert {note.rpartition(" ")[2] for note in notes} == {"place:geo", "on:bool", "by[].born:datetime"}


def test_a_filter_that_cannot_be_understood() -> None:
    with pytest.raises(FilterError, match="unknown key"):
        plan("boats", Profile(), SearchOptions(filter={"musst": []}))


def test_plans_that_contradict_themselves() -> None:
    dense = Branch(name="dense", using="dense", limit=3)
    for wrong in (
        {"branches": (dense, dense), "fusion": "rrf"},
        {"branches": (dense, Branch(name="sparse", using="sparse", limit=3))},
        {
            "branches": (dense,),
            "rerank": {"by": "cross-encoder", "model": "m", "using": "v", "depth": 1, "weight": 1},
        },
        {"branches": (dense,), "unknown": 1},
    ):
        with pytest.raises(ValidationError):
            QueryPlan.model_validate({"query": "q", **wrong})
