"""Plans: what they decide, that they round-trip, and what they refuse."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from augury import QueryPlan, QueryPlanner, SearchOptions, where
from augury.connector.query.compile import QueryVectors
from augury.connector.query.core import search_steps
from augury.connector.query.filter_fields import KnownFields
from augury.connector.query.planner import check_plan
from augury.connector.query.steps import Encode, Search
from augury.errors import FilterError, QueryError
from augury.schemas.collection import IndexKind
from augury.schemas.expansion import Expansion
from augury.schemas.plan import Branch
from augury.schemas.points import SparseVector
from augury.schemas.profile import HypencoderProfile, Profile, RerankProfile

plan = QueryPlanner().plan
WITH_HYPENCODER = Profile(
    hypencoder=HypencoderProfile(model="m", dim=8), rerank=RerankProfile(by="hypencoder")
)

NO_TERMS, NO_WEIGHTS = np.zeros(0, np.uint32), np.zeros(0, np.float32)
RERANK = {"depth": 5, "weight": 1}

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
    check_plan(again, WITH_HYPENCODER)


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


def test_vectors_come_with_the_search_where_all_found_are_reranked_and_the_engine_is_far() -> None:
    def carried(far: bool = True, **given_options: Any) -> tuple[str, ...]:
        made = plan("a need", WITH_HYPENCODER, SearchOptions(**given_options))
        steps = search_steps(
            made, WITH_HYPENCODER, Expansion(mode="off"), KnownFields(WITH_HYPENCODER), far=far
        )
        assert isinstance(next(steps), Encode)
        searched = steps.send(QueryVectors(np.zeros(4, np.float32), SparseVector(NO_TERMS, NO_WEIGHTS)))
        assert isinstance(searched, Search)
        return searched.requests[0].vectors

    assert carried() == ()  # two branches find up to 200 passages
    assert carried(branches=("dense",)) == ("hypencoder",)
    assert carried(far=False, branches=("dense",)) == ()
    assert carried(branches=("dense",), rerank=10) == ()
    assert carried(branches=("scenarios",), alpha=0.9) == ()
    assert carried(branches=("dense",), rerank=0) == ()


def test_options_are_taken_at_their_word() -> None:
    made = plan("a need", WITH_HYPENCODER, SearchOptions(limit=10, rerank=5, candidates=20))
    assert made.rerank is not None
    assert (made.rerank.depth, made.branches[0].limit) == (5, 20)
    deep = plan("a need", WITH_HYPENCODER, SearchOptions(rerank=300))
    assert deep.branches[0].limit == 300
    assert "changes nothing" in plan("a need", Profile(), SearchOptions(rerank_weight=0.9)).notes[0]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"index_alpha": 0.6}, "folded with alpha 0.6, not 0.3"),
        ({"branches": ({"name": "dense", "using": "other", "limit": 5},)}, "other vectors"),
        (
            {"rerank": {"by": "hypencoder", "model": "x", "using": "hypencoder", "depth": 5, "weight": 1}},
            "by x",
        ),
        (
            {"rerank": {"by": "hypencoder", "model": "m", "using": "scenarios", "depth": 5, "weight": 1}},
            "by m",
        ),
        (
            {"rerank": {"by": "cross-encoder", "model": "x", "depth": 5, "weight": 1}},
            "cross-encoder here is ''",
        ),
    ],
)
def test_a_plan_of_another_index_is_refused(changes: dict[str, Any], says: str) -> None:
    made = plan("a need", WITH_HYPENCODER, SearchOptions())
    check_plan(made, WITH_HYPENCODER)
    with pytest.raises(QueryError, match=f"does not fit this index.*{says}"):
        check_plan(QueryPlan.model_validate({**made.model_dump(), **changes}), WITH_HYPENCODER)
    with pytest.raises(QueryError, match="there are none"):
        check_plan(made, WITH_HYPENCODER.model_copy(update={"sparse": None}))


@pytest.mark.parametrize(
    ("profile", "given_options", "says"),
    [
        (Profile(), {"rerank": 10}, "no reranker.*--cross-encoder"),
        (Profile(), {"reranker": "cross-encoder"}, "No cross-encoder is named"),
        (Profile(), {"reranker": "hypencoder"}, "no reranker"),
        (Profile(), {"weights": {"dense": 2.0}}, "dense branch has a weight but is not searched"),
        (Profile(), {"weights": {"sparse": -1.0}}, "weight of the sparse branch is -1"),
        (Profile(), {"weights": {"sparse": 0.0, "scenarios": 0.0}}, "All branches have the weight 0"),
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
                    "key": "metadata.by[]",
                    "filter": {"must": [{"key": "born", "range": {"gt": "1900-01-01"}}]},
                }
            }
        ],
    }
    notes = plan("boats", Profile(), SearchOptions(filter=filter)).notes
    assert {note.rpartition(" ")[2] for note in notes} == {"place:geo", "on:bool", "by[].born:datetime"}


def test_an_index_of_another_kind_is_told() -> None:
    def note(filter: dict[str, Any], kind: IndexKind) -> str:
        profile = Profile(indexes={"metadata.a": kind})
        return " ".join(plan("q", profile, SearchOptions(filter={"must": [filter]})).notes)

    text = {"key": "metadata.a", "match": {"text": "x"}}
    assert "is indexed as keyword, which does not serve this" in note(text, "keyword")
    assert note(text, "text") == ""
    number = {"key": "metadata.a", "match": {"value": 3}}
    assert note(number, "integer") == "" and "indexed as float" in note(number, "float")
    assert note({"key": "metadata.a", "range": {"gte": 1}}, "integer") == ""
    assert note({"key": "metadata.a", "range": {"gte": date(2020, 1, 1)}}, "datetime") == ""
    assert note({"key": "metadata.a", "is_empty": False}, "keyword") == ""
    assert (
        plan("q", Profile(), SearchOptions(filter={"must": [{"is_null": {"key": "metadata.b"}}]})).notes == ()
    )
    own = plan("q", Profile(), SearchOptions(filter={"must": [{"key": "title", "match": {"value": "x"}}]}))
    assert own.notes == ("title has no payload index, so the filter reads every passage.",)


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
