"""Ablations: which rows there are, why others are not, and what differences say."""

from __future__ import annotations

from pathlib import Path

import pytest

import augury
from augury.connector.query.planner import SearchOptions
from augury.errors import SourceError, UsageError
from augury.evaluation.ablate import ablate, differences
from augury.evaluation.dataset import Dataset
from augury.schemas.evaluation import Ablation
from augury.schemas.profile import ScenarioProfile
from tests.exact import ExactCrossEncoder, ExactDense, ExactSparse, ScenarioList

DOCUMENTS = [
    augury.Document(id="d1", text="alpha one"),
    augury.Document(id="d2", text="beta two"),
    augury.Document(id="d3", text="gamma three"),
]
DATASET = Dataset(
    "tiny",
    {"q1": "alpha", "q2": "need", "q3": "one"},
    {"q1": {"d1": 1}, "q2": {"d2": 1}, "q3": {"d1": 1}},
)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text('[synonyms]\none = "three"\n', encoding="utf-8")
    return path


def test_every_part_has_its_row(rules: Path) -> None:
    told: list[str] = []
    with augury.open(
        ":memory:",
        profile=augury.Profile(scenarios=ScenarioProfile(floor=-1)),
        dense=ExactDense(),
        sparse=ExactSparse(),
        cross_encoder=ExactCrossEncoder(),
        rules=rules,
    ) as index:
        index.ingest(DOCUMENTS, scenarios=ScenarioList({"d2": ["need of it"]}))
        options = SearchOptions(expand="rules", reranker="cross-encoder", rerank=5)
        found = ablate(index, DATASET, ["RR@10"], options, progress=lambda name, *_: told.append(name))
    names = [row.name for row in found.rows]
    assert names == [
        "dense",
        "sparse",
        "scenarios",
        "fused",
        "fused + expansion",
        "fused + rerank",
        "fused + expansion + rerank",
    ]
    assert found.skipped == () and told == [name for name in names for _ in range(3)]
    plans = {row.name: row.evaluation.plan for row in found.rows}
    assert all(plan is not None for plan in plans.values())
    branches = [[branch.name for branch in plan.branches] for plan in plans.values() if plan]
    assert branches[:4] == [["dense"], ["sparse"], ["scenarios"], ["scenarios", "sparse"]]
    said = [(plan.expand, plan.rerank is not None) for plan in plans.values() if plan]
    assert said[3:] == [("off", False), ("rules", False), ("off", True), ("rules", True)]
    scenarios = next(row for row in found.rows if row.name == "scenarios")
    # The need is found by the scenario alone, and first.
    assert scenarios.evaluation.outcomes[1].values == {"RR@10": 1.0}
    assert not found.rows[0].differences and set(scenarios.differences) == {"RR@10"}
    assert Ablation.model_validate_json(found.model_dump_json()) == found


def test_rows_that_cannot_be_run_say_why() -> None:
    with augury.open(":memory:", dense=ExactDense(), sparse=ExactSparse()) as index:
        index.ingest(DOCUMENTS)
        found = ablate(index, DATASET, options=SearchOptions(reranker="cross-encoder"))
    assert [row.name for row in found.rows] == ["dense", "sparse", "fused"]
    assert {row.name: row.reason for row in found.skipped} == {
        "scenarios": "No passage of the index has scenarios, so that this is the dense row.",
        "fused + expansion": "Nothing to expand queries with is named: an LLM, or rules.",
        "fused + rerank": "No cross-encoder is named. Name one: --cross-encoder MODEL.",
    }


def test_a_reranker_that_the_index_names_is_tried_though_searches_do_not_use_it() -> None:
    with augury.open(
        ":memory:", dense=ExactDense(), sparse=ExactSparse(), cross_encoder=ExactCrossEncoder()
    ) as index:
        index.ingest(DOCUMENTS)
        found = ablate(index, DATASET)
        without = ablate(index, DATASET, options=SearchOptions(rerank=0))
    assert found.rows[-1].name == "fused + rerank"
    plan = found.rows[-1].evaluation.plan
    assert plan is not None and plan.rerank is not None and plan.rerank.by == "cross-encoder"
    assert [row.name for row in without.rows] == ["dense", "sparse", "fused"]


def test_an_index_without_sparse_vectors() -> None:
    profile = augury.Profile(sparse=None)
    with augury.open(":memory:", profile=profile, dense=ExactDense()) as index:
        index.ingest(DOCUMENTS)
        found = ablate(index, DATASET)
    assert [row.name for row in found.rows] == ["dense"]
    reasons = {row.name: row.reason for row in found.skipped}
    assert reasons["sparse"] == "The index has no sparse vectors."
    assert reasons["fused"] == "Only the scenarios branch is searched, so that this is the scenarios row."
    assert reasons["scenarios + rerank"] == "No reranker is named."


def test_what_is_wrong_for_every_row_is_raised() -> None:
    with augury.open(":memory:", dense=ExactDense(), sparse=ExactSparse()) as index:
        index.ingest(DOCUMENTS)
        with pytest.raises(UsageError, match="no such measure"):
            ablate(index, DATASET, ["bogus"])
        with pytest.raises(SourceError, match="Is it another collection"):
            ablate(index, Dataset("x", {"q": "alpha"}, {"q": {"nowhere": 1}}))
        with pytest.raises(UsageError, match="Judgements are of documents"):
            ablate(index, DATASET, options=SearchOptions(group=False))


def test_differences_by_hand() -> None:
    queries = [f"q{place}" for place in range(3)]
    values = {
        name: {"RR@10": dict(zip(queries, each, strict=True))}
        for name, each in {"a": [0.0, 0.0, 0.0], "b": [0.5, 0.5, 0.5], "c": [0.0, 1.0, 0.0]}.items()
    }
    found = differences(values)
    assert found["a"] == {}
    b, c = found["b"]["RR@10"], found["c"]["RR@10"]
    # Three equal gains: p is 2/8, times two rows. One query that differs proves nothing.
    assert (b.mean, b.low, b.high, b.p) == pytest.approx((0.5, 0.5, 0.5, 0.5))
    assert (c.mean, c.low, c.p) == pytest.approx((1 / 3, 0.0, 1.0))
