"""A tiny index whose sparse scores are the numbers of words shared."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import augury
from augury.schemas.profile import ChunkProfile, Profile, SearchProfile
from tests.exact import ExactDense, ExactSparse

TEXTS = {
    "d1": "alpha beta gamma delta",
    "d2": "alpha beta gamma epsilon",
    "d3": "alpha beta zeta",
    "d4": "alpha eta",
    "d5": "theta",
    "d6": "alpha beta gamma deltas",
}


@pytest.fixture
def index() -> Iterator[augury.Index]:
    profile = Profile(chunk=ChunkProfile(mode="none"), search=SearchProfile(branches=("sparse",)))
    with augury.open(":memory:", profile=profile, dense=ExactDense(), sparse=ExactSparse()) as index:
        index.ingest([augury.Document(id=name, text=text, title="") for name, text in TEXTS.items()])
        yield index
