"""The arithmetic of tuning gives the runs that searches with the same settings give."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import augury
from augury.connector.query.planner import SearchOptions
from augury.evaluation.dataset import Dataset
from augury.evaluation.searching import search_all
from augury.evaluation.tuning.gather import gather
from augury.evaluation.tuning.rankings import Choice, Rankings
from augury.schemas.profile import ChunkProfile, Profile, ScenarioProfile
from tests.exact import ExactCrossEncoder, ExactDense, ExactSparse, ScenarioList

WORDS = [f"w{number}" for number in range(12)]
CANDIDATES = 8
_RNG = np.random.default_rng(7)


def _text(words: int) -> str:
    return " ".join(_RNG.choice(WORDS, words))


DOCUMENTS = [augury.Document(id=f"d{number}", text=_text(4)) for number in range(40)]
NEEDS = {each.id: [_text(2) for _ in range(int(_RNG.integers(0, 4)))] for each in DOCUMENTS}
DATASET = Dataset(
    "drawn",
    {f"q{number}": _text(3) for number in range(20)},
    {f"q{number}": {f"d{number}": 1, f"d{number + 7}": 2} for number in range(20)},
    excluded={"q3": frozenset({"d1", "d2"})},
)
START = Choice(0.25, "max", 0.1, "dbsf", (("scenarios", 1.0), ("sparse", 1.0)), 60)


@pytest.fixture(scope="module")
def index() -> Iterator[augury.Index]:
    profile = Profile(
        chunk=ChunkProfile(mode="none"),
        scenarios=ScenarioProfile(floor=-1, alpha=0.25),
        search=Profile().search.model_copy(update={"candidates": CANDIDATES}),
    )
    with augury.open(
        ":memory:",
        profile=profile,
        dense=ExactDense(),
        sparse=ExactSparse(),
        cross_encoder=ExactCrossEncoder(),
    ) as index:
        index.ingest(DOCUMENTS, scenarios=ScenarioList(NEEDS))
        yield index


@pytest.fixture(scope="module")
def rankings(index: augury.Index) -> Rankings:
    every = SearchOptions(
        branches=("scenarios", "dense", "sparse"), candidates=40, reranker="cross-encoder", limit=1
    )
    queries = gather(index.retriever, DATASET, lambda text: index.retriever.plan(text, every))
    return Rankings(queries, DATASET, index.retriever.plan("any", every), CANDIDATES, CANDIDATES)


CHOICES = {
    "as it is": START,
    "one branch": Choice(0.25, "max", 0.1, "dbsf", (("sparse", 1.0),), 60),
    "another alpha": Choice(0.75, "max", 0.1, "dbsf", (("scenarios", 1.0), ("sparse", 0.5)), 60),
    "soft": Choice(0.25, "soft", 0.1, "weighted", (("scenarios", 1.0), ("dense", 0.5), ("sparse", 2.0)), 60),
    "soft with another alpha": Choice(0.5, "soft", 0.1, "rrf", (("scenarios", 1.0), ("sparse", 1.0)), 60),
    "rrf": Choice(0.25, "max", 0.1, "rrf", (("dense", 1.0), ("sparse", 0.25)), 60),
    "reranked": Choice(0.25, "max", 0.1, "dbsf", (("scenarios", 1.0), ("sparse", 1.0)), 60, 5, 0.5),
}


@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES.keys())
def test_arithmetic_is_what_a_search_does(index: augury.Index, rankings: Rankings, choice: Choice) -> None:
    options = SearchOptions(
        branches=tuple(name for name, _ in choice.weights),
        weights=dict(choice.weights) if len(choice.weights) > 1 else None,
        fusion=choice.fusion,
        alpha=choice.alpha,
        pool=choice.pool,
        rerank=choice.rerank_depth,
        reranker="cross-encoder" if choice.rerank_depth else None,
        rerank_weight=choice.rerank_weight if choice.rerank_depth else None,
        candidates=CANDIDATES,
    )
    searched = {}
    for query, found in search_all(index.retriever, DATASET, options, CANDIDATES).run.items():
        searched[query] = list(found)
    arithmetic = {query: list(found) for query, found in rankings.run(choice).items()}
    # A search with room for excluded documents takes more candidates, which changes how it scales them.
    for query in DATASET.queries.keys() - {"q3"}:
        assert arithmetic[query] == searched[query], query
    assert not {"d1", "d2"} & set(arithmetic["q3"])


def test_values_are_those_of_the_run(rankings: Rankings) -> None:
    values = rankings.values(START, "nDCG@5")
    assert len(values) == 20 and 0 < values.mean() < 1
