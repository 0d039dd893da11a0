"""Tuning an index, and what it then searches with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import augury
from augury.connector.query.planner import SearchOptions
from augury.errors import UsageError
from augury.evaluation.dataset import Dataset
from augury.evaluation.evaluate import evaluate
from augury.evaluation.tuning.tune import tune
from augury.schemas.profile import ChunkProfile, Profile, ScenarioProfile
from tests.exact import ExactDense, ExactSparse, ScenarioList

COUNT = 40


def made(where: str) -> augury.Index:
    """Documents whose first word means nothing to a query, so that only the sparse branch finds them."""
    profile = Profile(chunk=ChunkProfile(mode="none"), scenarios=ScenarioProfile(floor=-1, alpha=0.25))
    index = augury.open(where, profile=profile, dense=ExactDense(), sparse=ExactSparse())
    documents = [
        augury.Document(id=f"d{number}", text=f"d{number} term{number} term{number} common")
        for number in range(COUNT)
    ]
    needs = {f"d{number}": [f"need{number}", f"want{number}"] for number in range(COUNT)}
    index.ingest(documents, scenarios=ScenarioList(needs))
    return index


def by(word: str) -> Dataset:
    """Queries that begin with a word that the dense model knows nothing of, and end with ``word``."""
    return Dataset(
        f"by {word}",
        {f"q{number}": f"zz{number} {word}{number}" for number in range(COUNT)},
        {f"q{number}": {f"d{number}": 1} for number in range(COUNT)},
    )


def test_a_branch_that_only_harms_is_given_up(tmp_path: Path) -> None:
    where = str(tmp_path / "index")
    with made(where) as index:
        found = tune(index, by("term"))
        assert found.written and found.after.mean > found.before.mean and found.difference.p < 0.05
        changed = {each.name: each.after for each in found.settings if each.changed}
        assert changed.keys() == {"fusion and weights"}
        (stated,) = [each for each in found.settings if each.name == "fusion and weights"]
        assert stated.gain is not None and stated.gain.low > 0
        reasons = {each.name: each.reason for each in found.settings}
        assert reasons["rerank"] == "No reranker is named."
        assert index.profile.tuned is not None and index.profile.tuned.after == found.after.mean
    with augury.open(where, create=False, dense=ExactDense(), sparse=ExactSparse()) as again:
        tuned = evaluate(again, by("term"), measures=["nDCG@10"])
        assert tuned.measures["nDCG@10"].mean >= found.after.mean - 1e-9
        assert any("tuned on these queries" in note for note in tuned.notes)
        assert not any("tuned on these queries" in note for note in evaluate(again, by("want")).notes)


def test_alpha_is_folded_in_where_it_helps(tmp_path: Path) -> None:
    """Each query begins with a word of one passage's scenario, and the passage itself only confuses."""
    dataset = Dataset(
        "needs",
        {f"q{number}": f"need{number}" for number in range(COUNT)},
        {f"q{number}": {f"d{number}": 1} for number in range(COUNT)},
    )
    with made(":memory:") as index:
        index.refold(0.9)
        before = evaluate(index, dataset, SearchOptions(branches=("scenarios",)), ["RR@10"]).measures
        found = tune(index, dataset, "RR@10")
        after = evaluate(index, dataset, SearchOptions(branches=("scenarios",)), ["RR@10"]).measures
    changed = {each.name: each.after for each in found.settings if each.changed}
    assert "alpha" in changed and float(changed["alpha"]) < 0.9
    assert index.profile.scenarios.alpha == float(changed["alpha"])
    assert after["RR@10"].mean > before["RR@10"].mean


def test_nothing_is_written_where_nothing_helps() -> None:
    found_anyway = by("term")
    texts = {query: f"d{query[1:]} term{query[1:]}" for query in found_anyway.queries}
    dataset = replace(found_anyway, name="found anyway", queries=texts)
    with made(":memory:") as index:
        before = index.store.metadata()
        found = tune(index, dataset)
        assert not found.written and not any(each.changed for each in found.settings)
        assert found.notes == ("No setting helps with confidence, so that nothing is changed.",)
        assert index.store.metadata() == before


def test_a_dry_run_changes_nothing() -> None:
    with made(":memory:") as index:
        before = index.store.metadata()
        found = tune(index, by("term"), write=False)
        assert any(each.changed for each in found.settings) and not found.written
        assert index.store.metadata() == before and index.profile.tuned is None


def test_too_few_queries_are_refused() -> None:
    dataset = by("term").limited(12)
    with made(":memory:") as index, pytest.raises(UsageError, match="12 judged queries are too few"):
        tune(index, dataset)
