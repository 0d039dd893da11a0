"""The settings of a prompt: text in, ``SearchOptions`` out."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from augury import SearchOptions, where
from augury.cli.settings import DEFAULT, INDEX_OWN, Settings
from augury.errors import FilterError, UsageError
from augury.schemas.expansion import ExpandMode
from augury.schemas.profile import BranchName, FusionKind

READ = [
    ("limit", "3", "limit", 3),
    ("branches", "dense, sparse", "branches", ("dense", "sparse")),
    ("branches", "sparse,sparse,", "branches", ("sparse",)),
    ("fusion", "RRF", "fusion", "rrf"),
    ("weights", "scenarios=0.7, sparse = 0.3", "weights", {"scenarios": 0.7, "sparse": 0.3}),
    ("weights", "dense=0,sparse=2", "weights", {"dense": 0.0, "sparse": 2.0}),
    ("alpha", "0.25", "alpha", 0.25),
    ("expand", "auto", "expand", "auto"),
    ("candidates", "200", "candidates", 200),
    ("rerank", "100", "rerank", 100),
    ("rerank", "off", "rerank", 0),
    ("reranker", "cross-encoder", "reranker", "cross-encoder"),
    ("rerank-weight", "1", "rerank_weight", 1.0),
    ("rerank_weight", "0", "rerank_weight", 0.0),
    ("diversity", " 0.5 ", "diversity", 0.5),
    ("by-qnet", "Gradient: rounds=4", "by_qnet", "gradient:rounds=4"),
    ("passages", "on", "group", False),
    ("explain", "on", "explain", True),
]


@pytest.mark.parametrize(("name", "text", "field", "value"), READ)
def test_text_is_read_shown_again_and_put_back(name: str, text: str, field: str, value: Any) -> None:
    settings = Settings()
    settings.set(name, text)
    assert getattr(settings, field) == value
    assert list(settings.changed()) == [name.replace("_", "-")]

    shown = settings.shown()[name.replace("_", "-")]
    again = Settings()
    again.set(name, shown)
    assert again == settings

    settings.set(name, DEFAULT)
    assert settings == Settings() and settings.changed() == {}


@pytest.mark.parametrize(
    ("name", "text", "possible"),
    [
        ("limit", "0", "from 1 to 10000"),
        ("limit", "many", "from 1 to 10000"),
        ("limit", "off", "from 1 to 10000"),
        ("candidates", "3.5", "from 1 to 10000"),
        ("rerank", "-1", "from 0 to 10000, off"),
        ("branches", "colbert", "scenarios, dense, sparse"),
        ("branches", ",", "scenarios, dense, sparse"),
        ("fusion", "rff", "rrf, dbsf, weighted"),
        ("weights", "0.7", "scenarios=0.7,sparse=0.3"),
        ("weights", "title=1", "scenarios, dense, sparse"),
        ("weights", "dense=1,dense=2", "scenarios, dense, sparse"),
        ("weights", "dense=-1", "not all 0"),
        ("weights", "dense=inf", "not all 0"),
        ("weights", "dense=0,sparse=0", "not all 0"),
        ("alpha", "nan", "from 0 to 1"),
        ("diversity", "1.01", "from 0 to 1"),
        ("by-qnet", "fast", "exhaustive, neighbours, gradient"),
        ("by-qnet", "exhaustive:rounds=2", "exhaustive, neighbours, gradient"),
        ("passages", "maybe", "on, off"),
        ("explain", "", "on, off"),
    ],
)
def test_a_wrong_value_changes_nothing_and_says_what_is_possible(name: str, text: str, possible: str) -> None:
    settings = Settings(limit=7, weights={"dense": 1.0})
    before = settings.copy()
    with pytest.raises(UsageError) as raised:
        settings.set(name, text)
    assert name in str(raised.value) and possible in str(raised.value) and DEFAULT in str(raised.value)
    assert settings == before


def test_an_unknown_option_gets_the_nearest_name() -> None:
    with pytest.raises(UsageError, match=r"no option 'rernak'.*nearest is rerank; .*limit, branches"):
        Settings().set("rernak", "5")
    with pytest.raises(UsageError, match=r"no option 'xyzzy'\. There are limit"):
        Settings().set("xyzzy", "5")


def test_conditions_are_checked_at_once_and_hold_together_with_the_filter() -> None:
    base = {"must": [{"key": "metadata.tags", "match": {"any": ["a"]}}]}
    settings = Settings(base_filter=base)
    settings.where(" year>=2020 ")
    settings.where("country=France")
    with pytest.raises(FilterError):
        settings.where("year")
    assert settings.clauses == ("year>=2020", "country=France")
    assert settings.options().filter == where(["year>=2020", "country=France"], base)
    assert settings.changed() == {"filter": "given", "where": "year>=2020 and country=France"}
    settings.forget_where()
    assert settings.options().filter == where([], base)
    assert Settings().options().filter is None


def test_options_are_those_of_a_search() -> None:
    assert Settings().options() == SearchOptions()
    settings = Settings(limit=3, branches=("dense",), fusion="rrf", alpha=0.0, expand="off", candidates=50)
    settings.set("passages", "on")
    assert settings.options() == SearchOptions(
        limit=3, branches=("dense",), fusion="rrf", alpha=0.0, expand="off", candidates=50, group=False
    )


def test_every_option_but_explain_reaches_the_search() -> None:
    for name, text, field, value in READ:
        if name != "explain":
            settings = Settings()
            settings.set(name, text)
            assert getattr(settings.options(), field) == value, name


def test_a_contradiction_is_one_sentence() -> None:
    with pytest.raises(UsageError, match="limit"):
        Settings(limit=0).options()


def test_what_is_shown_and_completed_is_what_there_is() -> None:
    settings = Settings()
    assert tuple(settings.shown()) == settings.names()
    assert settings.shown()["limit"] == "10" and settings.shown()["passages"] == "off"
    assert settings.shown()["fusion"] == INDEX_OWN
    for name, kinds in (("fusion", FusionKind), ("expand", ExpandMode), ("branches", BranchName)):
        assert set(settings.values(name)) == {*get_args(kinds), DEFAULT}
    assert settings.values("xyzzy") == ()


def test_a_copy_is_what_take_goes_back_to() -> None:
    settings = Settings(limit=3, weights={"dense": 1.0})
    kept = settings.copy()
    settings.set("weights", "sparse=1")
    settings.where("year>=2020")
    settings.set("explain", "on")
    assert settings != kept
    settings.take(kept)
    assert settings == kept == Settings(limit=3, weights={"dense": 1.0})


def test_a_tenant_is_taken_as_it_is_typed() -> None:
    settings = Settings()
    settings.set("tenant", " Acme GmbH ")
    assert settings.options().tenant == "Acme GmbH"
    settings.set("tenant", "default")
    assert settings.options().tenant is None
    with pytest.raises(UsageError, match="No value was given for tenant"):
        settings.set("tenant", " ")
