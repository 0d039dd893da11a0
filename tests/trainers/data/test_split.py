"""Splits: nothing alike on two sides, the shares, and the same split whatever the order."""

from __future__ import annotations

import json
import random
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augury.errors import UsageError
from augury.schemas.data_report import SplitReport
from augury.trainers.data.near_duplicates import QUERY_SHINGLE, groups, jaccard, near, normal, shingles
from augury.trainers.data.open import open_training_data
from augury.trainers.data.split import THRESHOLD, split

WORDS = [
    "copper",
    "lantern",
    "drifts",
    "across",
    "quiet",
    "harbours",
    "while",
    "seven",
    "grey",
    "herons",
    "argue",
    "about",
    "tomorrow",
]


def queries(count: int, seed: int = 1) -> list[str]:
    """Queries of which every fifth comes three times, twice with a small change."""
    draw = random.Random(seed)
    found: list[str] = []
    for number in range(count):
        query = " ".join(draw.sample(WORDS, 5)) + f" {number * 7919}"
        found.append(query)
        if number % 5 == 0:
            found += [query.upper() + "?", f"{query}s"]
    return found


def write(path: Path, asked: list[str]) -> Path:
    path.write_text(
        "".join(json.dumps({"query": query, "positives": [{"text": "p"}]}) + "\n" for query in asked)
    )
    return path


def run(path: Path, folder: Path, **options: Any) -> tuple[SplitReport, dict[str, set[str]]]:
    report = split(lambda: open_training_data(path), folder, **options)
    sides = {
        side: {json.loads(line)["query"] for line in Path(file).read_text().splitlines()}
        for side, file in report.files.items()
    }
    return report, sides


def test_no_query_has_a_near_duplicate_on_another_side(tmp_path: Path) -> None:
    asked = queries(150)
    report, sides = run(write(tmp_path / "a.jsonl", asked), tmp_path / "parts")
    for one, other in (("train", "dev"), ("train", "test"), ("dev", "test")):
        for a, b in product(sides[one], sides[other]):
            assert jaccard(shingles(a, QUERY_SHINGLE), shingles(b, QUERY_SHINGLE)) < THRESHOLD
    assert sum(report.sides.values()) == len(asked) == report.read.records
    assert report.near_duplicates >= 30 and report.groups + report.near_duplicates == report.queries


def test_the_shares_are_met(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", queries(150))
    for shares in ((0.8, 0.1, 0.1), (50.0, 25.0, 25.0), (0.9, 0.1, 0.0)):
        report, _ = run(path, tmp_path / "parts", shares=shares)
        for side, share in zip(("train", "dev", "test"), shares, strict=True):
            assert abs(report.sides[side] - share / sum(shares) * report.read.records) <= 3
    with pytest.raises(UsageError, match="cannot be met"):
        run(path, tmp_path / "parts", shares=(0.0, 0.0, 0.0))


def test_the_order_of_the_file_changes_nothing_and_the_seed_does(tmp_path: Path) -> None:
    asked = queries(60)
    _, first = run(write(tmp_path / "a.jsonl", asked), tmp_path / "a")
    for seed in range(3):
        shuffled = random.Random(seed).sample(asked, len(asked))
        assert run(write(tmp_path / "b.jsonl", shuffled), tmp_path / "b")[1] == first
    assert run(tmp_path / "b.jsonl", tmp_path / "c", seed=5)[1] != first


def test_a_large_group_does_not_fill_a_small_side(tmp_path: Path) -> None:
    asked = [f"how do I reset the telephone in my kitchen {number}" for number in range(40)]
    asked += queries(40)
    report, _ = run(write(tmp_path / "a.jsonl", asked), tmp_path / "parts")
    assert abs(report.sides["dev"] - report.read.records / 10) <= 3


@given(st.lists(st.text("abcd ", min_size=8, max_size=14), unique_by=normal, max_size=25))
def test_groups_hold_every_pair_that_is_alike(texts: list[str]) -> None:
    plain = [normal(text) for text in texts]
    found = groups(plain, 0.6)
    for a, b in product(plain, plain):
        if jaccard(shingles(a, QUERY_SHINGLE), shingles(b, QUERY_SHINGLE)) >= 0.75:
            assert found[a] == found[b]
    assert groups(list(reversed(plain)), 0.6) == found


def test_near_texts() -> None:
    assert near("The Cat sat.", ["a dog", "the cat  sat"], 0.99)
    assert not near("the cat sat", ["a dog ran away"], 0.5)
    assert jaccard(shingles("", 3), shingles("", 3)) == 1.0
