"""Why a document moved: sentences that are read from the places alone."""

from __future__ import annotations

from typing import Any

import pytest

from augury.evaluation.compare import compare
from augury.evaluation.explain import details_beside, explained
from augury.evaluation.reasons import reason
from augury.schemas.details import ExplainedHit, QueryDetails
from augury.schemas.evaluation import Changed, ComparedDocument, PlaceInRun
from augury.schemas.hit import Explanation, MatchedScenario, Place
from augury.schemas.plan import QueryPlan

RERANK = {"by": "cross-encoder", "model": "m", "depth": 50, "weight": 0.5}


def plan(*branches: str, **rest: Any) -> QueryPlan:
    fusion = "rrf" if len(branches) > 1 else None
    named = [{"name": name, "using": name, "limit": 100} for name in branches]
    return QueryPlan.model_validate({"query": "q", "branches": named, "fusion": fusion, **rest})


def at(
    rank: int,
    *,
    fused: int | None = None,
    reranked: int | None = None,
    chunk: int = 0,
    need: str = "",
    similarity: float = 0.9,
    **branches: int,
) -> PlaceInRun:
    explanation = Explanation.model_validate(
        {
            "branches": {name: Place(rank=each, score=0.5) for name, each in branches.items()},
            "fused": Place(rank=fused or rank, score=1.0),
            "reranked": Place(rank=reranked, score=1.0) if reranked else None,
            "scenario": MatchedScenario(need=need, similarity=similarity) if need else None,
        }
    )
    return PlaceInRun(rank=rank, chunk=chunk, explanation=explanation)


def why(a: PlaceInRun | None, b: PlaceInRun | None, *plans: QueryPlan) -> str:
    document = ComparedDocument(doc_id="d", relevance=1, a=a, b=b)
    said = reason(document, (plans[0], plans[-1]), (100, 80))
    ranks, _, clauses = said.removeprefix("relevant d: ").removesuffix(".").partition(": ")
    assert ranks.count(" in a") + ranks.count(" of a") == ranks.count(" in b") + ranks.count(" of b") == 1
    return clauses


@pytest.mark.parametrize(
    ("a", "b", "plans", "says"),
    [
        (
            at(2, dense=2, sparse=2),
            at(31, dense=3),
            [plan("dense", "sparse")],
            "the sparse branch has it at 2 in a and does not find it in b",
        ),
        (
            at(31, dense=40),
            at(3, dense=3),
            [plan("dense"), plan("dense", expand="rules")],
            "the dense branch has it at 3 in b (expansion: rules in b, off in a), at 40 in a",
        ),
        (
            at(40, dense=40),
            at(3, scenarios=3, need="cake"),
            [plan("dense"), plan("scenarios")],
            "its scenario 'cake' lifts it from 40 in the dense branch to 3 in the scenarios branch",
        ),
        (
            # The passage is nearer to the query than the scenario, so that the scenario lifts nothing.
            at(40, dense=40),
            at(3, scenarios=3, need="cake", similarity=0.4),
            [plan("dense"), plan("scenarios")],
            "only b searches the scenarios branch, which has it at 3; "
            "only a searches the dense branch, which has it at 40",
        ),
        (
            at(1, dense=1),
            at(12, dense=1),
            [plan("dense"), plan("dense", "sparse")],
            "only b searches the sparse branch, which does not find it",
        ),
        (
            at(40, dense=40),
            at(2, fused=40, dense=40, reranked=1),
            [plan("dense"), plan("dense", rerank=RERANK)],
            "the reranker of b has it at 1, the search before it at 40",
        ),
        (
            at(2, dense=2),
            at(9, fused=2, dense=2, reranked=20),
            [plan("dense"), plan("dense", rerank=RERANK)],
            "the reranker of b has it at 20, the search before it at 2",
        ),
        (
            at(3, fused=40, dense=40, reranked=1),
            at(60, fused=60, dense=60),
            [plan("dense", rerank=RERANK)],
            "the reranker of a has it at 1, the search before it at 40; "
            "b reranks its first 50 passages, and this is number 60",
        ),
        (
            at(2, dense=2, chunk=3),
            at(8, dense=8),
            [plan("dense")],
            "the runs answer with different passages of it (3 in a, 0 in b)",
        ),
        (
            at(9, dense=3, sparse=8),
            at(4, dense=3, sparse=8),
            [plan("dense", "sparse"), plan("dense", "sparse", fusion="dbsf")],
            "fused by dbsf (dense 1, sparse 1) it is at 4, by rrf (dense 1, sparse 1) at 9",
        ),
        (at(2, dense=2), None, [plan("dense", "sparse")], "the dense branch has it at 2 in a"),
        (at(3, dense=3), at(4, dense=4), [plan("dense")], ""),
        (PlaceInRun(rank=3), at(4, dense=4), [plan("dense")], ""),
        (PlaceInRun(rank=3), None, [plan("dense")], ""),
    ],
)
def test_the_clauses(a: PlaceInRun, b: PlaceInRun | None, plans: list[QueryPlan], says: str) -> None:
    assert why(a, b, *plans) == says


def test_the_ranks_come_first() -> None:
    document = ComparedDocument(doc_id="d", relevance=1, a=PlaceInRun(rank=2))
    assert (
        reason(document, (None, None), (100, 80))
        == "relevant d: rank 2 in a, not among the 80 documents of b."
    )


QRELS = {"q1": {"r": 1, "s": 1, "no": 0}, "q2": {"r": 1}}
RUN_A = {"q1": {"r": 5.0, "x": 4.0, "s": 3.0}, "q2": {"x": 2.0, "r": 1.0}}
RUN_B = {"q1": {"x": 9.0, "no": 8.0, "y": 7.0, "s": 6.0, "r": 5.0}, "q2": {"r": 2.0, "x": 1.0}}


def told(query: str, documents: dict[str, float]) -> QueryDetails:
    hits = tuple(
        ExplainedHit(
            doc_id=name, title=f"title of {name}", rank=rank, score=score, explanation=_dense(rank, score)
        )
        for rank, (name, score) in enumerate(documents.items(), start=1)
    )
    return QueryDetails(query_id=query, text="", plan=plan("dense"), hits=hits)


def _dense(rank: int, score: float) -> Explanation:
    place = Place(rank=rank, score=score)
    return Explanation(branches={"dense": place}, fused=place)


def test_the_documents_that_matter() -> None:
    found = compare(RUN_A, RUN_B, QRELS, "RR@10")
    details = {query: told(query, documents) for query, documents in RUN_B.items()}
    with_b = explained(found, (RUN_A, RUN_B), ({}, details), QRELS)
    (lost,), (won,) = with_b.lost, with_b.won
    # r and s are relevant; x, no and y are before r in b, and were after it or absent in a.
    assert [each.doc_id for each in lost.documents] == ["r", "s", "x", "no", "y"]
    assert [each.relevance for each in lost.documents] == [1, 1, None, 0, None]
    first, _, third = lost.documents[:3]
    assert (first.title, first.a, first.b and first.b.rank) == ("title of r", PlaceInRun(rank=1), 5)
    assert first.b is not None and first.b.explanation == _dense(5, 5.0)
    assert third.a == PlaceInRun(rank=2) and third.b is not None and third.b.rank == 1
    assert lost.documents[3].a is None
    assert lost.plan_a is None and lost.plan_b == plan("dense")
    assert lost.reasons == (
        "relevant r: rank 1 in a, rank 5 in b.",
        "relevant s: rank 3 in a, rank 4 in b.",
    )
    assert [each.doc_id for each in won.documents] == ["r", "x"]
    assert won.reasons == ("relevant r: rank 2 in a, rank 1 in b.",)
    assert Changed.model_validate_json(won.model_dump_json()) == won


def test_without_details_the_ranks_are_told(tmp_path: Any) -> None:
    details, note = details_beside(tmp_path / "b.run", RUN_B, ["q1"])
    assert details == {} and "b.run has no details" in note and "here as b.run.jsonl." in note
    found = explained(compare(RUN_A, RUN_B, QRELS, "RR@10"), (RUN_A, RUN_B), ({}, {}), QRELS)
    assert found.lost[0].plan_a is None and found.lost[0].reasons[0].endswith("rank 1 in a, rank 5 in b.")
    assert all(each.a is None or each.a.explanation is None for each in found.lost[0].documents)
