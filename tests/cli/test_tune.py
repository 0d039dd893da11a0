"""``augury tune``, with hashing encoders."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import augury
from augury.cli import main
from augury.schemas.profile import SearchProfile
from augury.schemas.tuning import Tuning
from tests.hashing import HashingDense, HashingSparse

SAMPLE = Path(__file__).parents[2] / "examples/sample"
DATASET = ("--dataset", SAMPLE)


@pytest.fixture(autouse=True)
def hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augury, "open", partial(augury.open, dense=HashingDense(), sparse=HashingSparse()))


@pytest.fixture
def where(tmp_path: Path) -> Path:
    where = tmp_path / "index"
    profile = augury.Profile(search=SearchProfile(weights={"sparse": 0.4}))
    with augury.open(where, profile=profile) as index:
        index.ingest(augury.open_source(str(SAMPLE)), scenarios=SAMPLE / "scenarios.jsonl")
    return where


def call(*arguments: object, **options: Any) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], **options)


def test_a_dry_run_says_what_it_would_do(where: Path) -> None:
    before = (where / "augury.json").read_bytes()
    shown = call("tune", where, *DATASET, "--dry-run", "--quiet")
    assert shown.exit_code == 0, shown.output
    assert "44 queries, 5 folds" in shown.output and "after, cross-validated" in shown.output
    assert "rerank: No reranker is named." in shown.output
    assert "expand where the best score is below: Queries were not expanded" in shown.output
    assert (where / "augury.json").read_bytes() == before
    assert "now searches so" not in shown.output


def test_what_is_found_is_stored_and_shown(where: Path) -> None:
    told = Tuning.model_validate_json(call("tune", where, *DATASET, "-m", "RR@10", "--json").stdout)
    assert told.measure == "RR@10" and told.written == any(each.changed for each in told.settings)
    assert told.written  # alpha .3 is not the best for words that are hashed
    status = call("status", where).output
    assert f"on sample/test: RR@10 {told.before.mean:.3f} before, {told.after.mean:.3f} after" in status
    again = call("tune", where, *DATASET, "-m", "RR@10", "--json")
    assert Tuning.model_validate_json(again.stdout).before.mean >= told.before.mean


@pytest.mark.parametrize(
    ("arguments", "says", "code"),
    [
        (("-m", "nDCG@10", "-m", "AP"), "one measure only", 2),
        (("-m", "nDGC@10"), "There is no such measure", 2),
        (("--limit-queries", 9), "9 judged queries are too few for 5 folds", 2),
        (("--split", "dev"), "dev", 1),
        (("--where", "colour=green"), "colour", 1),
    ],
)
def test_what_cannot_be_tuned_is_said(
    where: Path, arguments: tuple[object, ...], says: str, code: int
) -> None:
    refused = call("tune", where, *DATASET, *arguments)
    assert refused.exit_code == code and says in refused.output, refused.output
    assert "Traceback" not in refused.output
