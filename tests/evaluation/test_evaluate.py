"""Evaluations of a tiny index whose measures are worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log2

import pytest

import augury
from augury.connector.query.planner import SearchOptions
from augury.errors import EndpointError, QueryError, SourceError, UsageError
from augury.evaluation.coverage import coverage
from augury.evaluation.dataset import Dataset
from augury.evaluation.evaluate import evaluate
from augury.schemas.evaluation import Evaluation
from augury.schemas.points import SparseVector
from augury.schemas.profile import ChunkProfile, Profile
from tests.exact import ExactCrossEncoder, ExactDense, ExactSparse

SECOND = 1 / log2(3)
"""nDCG where the one relevant document is second."""


def test_measures_by_hand(index: augury.Index, dataset: Dataset) -> None:
    # alpha alpha beta: d4 has alpha twice, 2 * 2 = 4; d2 has 2 + 1 = 3; d1 2; d3 1.
    found = evaluate(index, dataset, measures=["nDCG@10", "RR@10", "R@1", "P@2"])
    assert list(found.run["q2"].items()) == [("d4", 4.0), ("d2", 3.0), ("d1", 2.0), ("d3", 1.0)]
    means = {name: value.mean for name, value in found.measures.items()}
    assert means == pytest.approx(
        {"nDCG@10": (1 + SECOND + 0) / 3, "RR@10": 1.5 / 3, "R@1": 1 / 3, "P@2": (0.5 + 0.5 + 0) / 3}
    )
    assert all(value.low <= value.mean <= value.high for value in found.measures.values())
    assert found.recall[1] == pytest.approx(1 / 3) and found.recall[2] == found.recall[100] == pytest.approx(
        2 / 3
    )
    first, second, third = found.outcomes
    assert (first.hits, first.first_relevant, first.error) == (1, 1, "")
    assert second.values["nDCG@10"] == pytest.approx(SECOND) and second.first_relevant == 2
    assert [(each.doc_id, each.relevance) for each in second.top] == [("d4", None), ("d2", 1), ("d1", None)]
    assert (third.hits, third.first_relevant, third.top) == (0, None, ())
    assert found.queries.searched == 3 and found.queries.without_hits == 1 and found.queries.failed == 0
    assert found.documents.judged == 4 and found.documents.relevant == 3 and found.documents.missing == 0


def test_it_says_how_it_was_made(index: augury.Index, dataset: Dataset) -> None:
    told: list[tuple[int, int]] = []
    options = SearchOptions(candidates=7, branches=("sparse", "dense"))
    found = evaluate(index, dataset, options, ["nDCG@150"], progress=lambda *done: told.append(done))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert found.options == {"candidates": 7, "branches": ["sparse", "dense"]}
    assert found.depth == 150 and found.plan is not None and found.plan.limit == 150
    assert found.plan.query == "delta" and {branch.limit for branch in found.plan.branches} == {150}
    assert found.profile == index.profile and found.dataset == "tiny" and found.index == ":memory:"
    assert set(found.latency) == {"encode", "search", "fetch", "total"}
    assert all(0 < each.p50_ms <= each.p95_ms for each in found.latency.values())
    assert found.augury_version == augury.__version__ and found.engine_version and found.notes == ()


def test_json_round_trips(index: augury.Index, dataset: Dataset) -> None:
    found = evaluate(
        index, dataset, SearchOptions(filter={"must_not": [{"key": "doc_id", "match": {"value": "d4"}}]})
    )
    assert Evaluation.model_validate_json(found.model_dump_json()) == found
    short = Evaluation.model_validate_json(found.model_dump_json(exclude={"run"}))
    assert short.measures == found.measures and short.run == {}


def test_exclusions_change_the_measure_and_the_cut_off_is_still_filled(
    index: augury.Index, dataset: Dataset
) -> None:
    excluding = replace(dataset, excluded={"q2": frozenset({"d4", "d9"})})
    found = evaluate(index, excluding)
    assert list(found.run["q2"]) == ["d2", "d1", "d3"]
    assert found.measures["nDCG@10"].mean == pytest.approx((1 + 1 + 0) / 3)
    assert found.notes == ("Documents that were found and dropped from a run: 1.",)
    deep = {f"e{place}": "alpha" for place in range(110)}
    index.ingest([augury.Document(id=name, text=text) for name, text in deep.items()])
    ten = replace(dataset, excluded={"q2": frozenset(list(deep)[:10])})
    assert len(evaluate(index, ten, measures=["R@100"]).run["q2"]) == 100
    assert not set(evaluate(index, ten, measures=["R@100"]).run["q2"]) & ten.excluded["q2"]


def test_a_query_does_not_find_itself_where_that_is_said(index: augury.Index) -> None:
    own = Dataset("own", {"d4": "alpha alpha beta"}, {"d4": {"d2": 1}})
    assert evaluate(index, own, measures=["RR@10"]).measures["RR@10"].mean == 0.5
    found = evaluate(index, replace(own, exclude_self=True), measures=["RR@10"])
    assert found.measures["RR@10"].mean == 1.0 and found.exclude_self
    assert found.notes == (
        "A document with the query's own id is dropped from its run.",
        "Documents that were found and dropped from a run: 1.",
    )


def test_a_query_that_fails_counts_as_0_and_the_others_go_on(index: augury.Index, dataset: Dataset) -> None:
    blank = replace(dataset, queries={**dataset.queries, "q1": " "})
    found = evaluate(index, blank, measures=["nDCG@10"])
    assert found.measures["nDCG@10"].mean == pytest.approx((0 + SECOND + 0) / 3)
    assert found.queries.failed == 1 and found.queries.without_hits == 1
    assert found.outcomes[0].error == "The query is empty. Say what you are looking for."
    assert found.outcomes[0].values == {"nDCG@10": 0.0} and not found.outcomes[1].error
    assert found.notes[0] == "Failed queries, which count as 0: 1 of 3."


def test_what_fails_for_every_query_is_raised(index: augury.Index, dataset: Dataset) -> None:
    with pytest.raises(QueryError, match="This index has no reranker"):
        evaluate(index, dataset, SearchOptions(rerank=10))


def test_a_server_that_is_away_ends_the_evaluation() -> None:
    asked: list[str] = []

    class Away(ExactSparse):
        def encode_queries(self, texts: Sequence[str]) -> list[SparseVector]:
            asked.extend(texts)
            if len(asked) > 4:  # the first one is also the warm-up
                raise EndpointError("Nothing answers", "Start it")
            return self.encode_documents(texts)

    queries = {f"q{place}": f"alpha {place}" for place in range(30)}
    many = Dataset("many", queries, {query: {"d1": 1} for query in queries})
    with augury.open(":memory:", dense=ExactDense(), sparse=Away()) as index:
        index.ingest([augury.Document(id="d1", text="alpha")])
        with pytest.raises(EndpointError, match="Nothing answers"):
            evaluate(index, many, SearchOptions(branches=("sparse",)))
    assert len(asked) == 4 + 5


def test_judged_documents_that_are_not_there_are_counted(index: augury.Index, dataset: Dataset) -> None:
    qrels = {**dataset.qrels, "q1": {"d5": 1, "gone": 1, "lost": 0}}
    found = evaluate(index, replace(dataset, qrels=qrels))
    assert (found.documents.judged, found.documents.missing) == (6, 2)
    assert (found.documents.relevant, found.documents.missing_relevant) == (4, 1)
    assert found.documents.missing_ids == ("gone", "lost")
    assert found.measures["R@100"].mean == pytest.approx((0.5 + 1 + 0) / 3)
    assert (
        "Judged documents that are not in the index: 2 of 6 (1 of them relevant), such as 'gone'."
        in found.notes
    )


def test_an_index_of_another_collection_is_one_sentence(index: augury.Index) -> None:
    other = Dataset("other", {"q": "alpha"}, {"q": {f"x{place}": 1 for place in range(1500)}})
    with pytest.raises(
        SourceError,
        match=r"None of the 1500 judged documents of other is in the index, such as 'x0'\. Is it another",
    ):
        evaluate(index, other)


def test_documents_of_several_passages_count_once() -> None:
    text = " ".join(f"Sentence {place} of alpha." for place in range(60))
    profile = Profile(chunk=ChunkProfile(min_chars=100, max_chars=200), sparse=None)
    with augury.open(":memory:", profile=profile, dense=ExactDense()) as index:
        index.ingest([augury.Document(id="long", text=text), augury.Document(id="short", text="alpha")])
        assert index.store.count() > 5
        one = Dataset("one", {"q": "Sentence"}, {"q": {"long": 1, "none": 1}})
        assert coverage(index.store, one, index.profile.payload).missing_ids == ("none",)
        assert list(evaluate(index, one).run["q"]) == ["long", "short"]


def test_what_is_reranked_is_what_a_search_reranks(dataset: Dataset) -> None:
    with augury.open(
        ":memory:", dense=ExactDense(), sparse=ExactSparse(), cross_encoder=ExactCrossEncoder()
    ) as index:
        index.ingest([augury.Document(id="d5", text="delta")])
        options = SearchOptions(rerank=20, reranker="cross-encoder")
        plan = evaluate(index, dataset, options, ["R@100"]).plan
    assert plan is not None and plan.rerank is not None and (plan.rerank.depth, plan.limit) == (20, 100)


def test_what_the_searches_told_is_in_the_notes(
    index: augury.Index, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    notes = evaluate(index, dataset, SearchOptions(expand="auto", branches=("dense",))).notes
    assert notes[0] == "Passages that the LLM had written before came from the cache and took no time."
    assert "No LLM" in notes[1] and notes[1].endswith(" of 3 queries)")


def test_queries_that_cannot_be_answered_or_searched_are_told(index: augury.Index, dataset: Dataset) -> None:
    odd = replace(dataset, qrels={**dataset.qrels, "q3": {"d3": 0}}, without_text=("q8", "q9"), unjudged=4)
    found = evaluate(index, odd)
    assert (
        found.queries.without_relevant == 1
        and found.queries.without_text == 2
        and found.queries.unjudged == 4
    )
    assert "Judged queries without text, which are left out: 2, such as 'q8'." in found.notes
    assert "Queries without a relevant document, which count as 0: 1." in found.notes


@pytest.mark.parametrize(
    ("measure", "says"),
    [
        ("bogus@10", "no such measure as 'bogus@10'"),
        ("R", "lacks its cut-off"),
        ("nDCG@0", "cut-off of nDCG@0 is not from 1 to 10000"),
        ("P@20000", "not from 1 to"),
        ("NumRet", "is a count"),
        ("RBP(rel=1)", "not installed"),
        ("AP(rel=0)", "cannot be computed"),
        ("", "no such measure"),
    ],
)
def test_measures_that_are_none(index: augury.Index, dataset: Dataset, measure: str, says: str) -> None:
    with pytest.raises(UsageError, match=says.replace("(", r"\(").replace(")", r"\)")):
        evaluate(index, dataset, measures=[measure])


def test_options_and_measures_must_make_sense(index: augury.Index, dataset: Dataset) -> None:
    with pytest.raises(UsageError, match="Judgements are of documents"):
        evaluate(index, dataset, SearchOptions(group=False))
    with pytest.raises(UsageError, match="No measure was named"):
        evaluate(index, dataset, measures=[])
