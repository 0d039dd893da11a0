"""A tiny index whose sparse scores can be worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import augury
from augury.evaluation.dataset import Dataset
from augury.schemas.profile import ChunkProfile, Profile, SearchProfile
from tests.exact import ExactDense, ExactSparse

TEXTS = {
    "d1": "alpha",
    "d2": "alpha beta",
    "d3": "beta gamma",
    "d4": "alpha alpha gamma",
    "d5": "delta",
}


@pytest.fixture
def index() -> Iterator[augury.Index]:
    """The sparse branch alone: a score is the number of words shared, counted as often as they occur."""
    profile = Profile(chunk=ChunkProfile(mode="none"), search=SearchProfile(branches=("sparse",)))
    with augury.open(":memory:", profile=profile, dense=ExactDense(), sparse=ExactSparse()) as index:
        index.ingest([augury.Document(id=name, text=text, title="") for name, text in TEXTS.items()])
        yield index


@pytest.fixture
def dataset() -> Dataset:
    """``q1`` finds its document first (delta: d5), ``q2`` second (alpha beta: d2 and d4 with 2, d1 with 1),
    ``q3`` nothing at all."""
    return Dataset(
        name="tiny",
        queries={"q1": "delta", "q2": "alpha alpha beta", "q3": "omega"},
        qrels={"q1": {"d5": 1}, "q2": {"d2": 1}, "q3": {"d3": 2, "d1": 0}},
    )
