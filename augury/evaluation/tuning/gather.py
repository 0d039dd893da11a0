"""The one pass of searches that tuning needs: every branch's candidates, and every score there is of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...connector.query.compile import QueryVectors, requests
from ...connector.query.pool import similar
from ...connector.query.rerank import texts_of, vectors_of
from ...connector.query.retriever import TOGETHER, Retriever
from ...connector.query.steps import Ask, Encode, Fetch, Score, Search
from ...schemas.expansion import Expansion
from ...schemas.plan import QueryPlan
from ...schemas.points import FloatArray, PointId, Record, ScoredPoint
from ...schemas.profile import BranchName
from ..dataset import Dataset

Positions = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """What one search found, in all of its branches.

    Attributes:
        points: every passage that a branch found, ordered by id, as equal scores are.
        documents: the document of each point.
        dense: the query's similarity to each passage, ``(points,)``.
        scenarios: to each of its scenarios, ``(scenarios,)`` a point.
        lists: of each branch, positions in ``points`` and the engine's scores, best first.
        reranked: the reranker's score of each point; None without a reranker.
    """

    points: tuple[PointId, ...]
    documents: tuple[str, ...]
    dense: FloatArray
    scenarios: tuple[FloatArray, ...]
    lists: dict[BranchName, tuple[Positions, list[float]]]
    reranked: FloatArray | None


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A query's candidates as it is, and as an LLM expands it where the plan may expand."""

    id: str
    plain: Gathered
    expanded: Gathered | None = None


def gather(
    retriever: Retriever,
    dataset: Dataset,
    plan: Callable[[str], QueryPlan],
    progress: Callable[[int, int], None] | None = None,
) -> list[Query]:
    """``gather(index.retriever, dataset, plan)``: the candidates of every query of the dataset.

    Args:
        plan: of a query's text, with every branch, and as many candidates of each as any setting looks at.
        progress: called with the queries done and all of them.
    """
    found: list[Query] = []
    queries = list(dataset.queries.items())
    for start in range(0, len(queries), TOGETHER):
        some = queries[start : start + TOGETHER]
        plans = [plan(text) for _, text in some]
        if plans[0].filter and not found:
            _check(retriever, plans[0])
        ruled = [retriever.expansion(each) for each in plans]
        plain = _searched(retriever, plans, ruled)
        expanded: Sequence[Gathered | None] = [None] * len(plans)
        if plans[0].expand in ("llm", "auto"):
            asked = retriever.answers(
                [Ask(each.query, rules) for each, rules in zip(plans, ruled, strict=True)]
            )
            expanded = _searched(retriever, plans, asked)
        found += [
            Query(id, as_it_is, other) for (id, _), as_it_is, other in zip(some, plain, expanded, strict=True)
        ]
        if progress:
            progress(len(found), len(queries))
    return found


def _check(retriever: Retriever, plan: QueryPlan) -> None:
    """Raise ``FilterError`` where the filter cannot match, as a search does."""
    looking = retriever.fields.check(plan.filter or {}, plan.tenant)
    try:
        look = next(looking)
        while True:
            look = looking.send(retriever.answers([look])[0])
    except StopIteration:
        return


def _searched(
    retriever: Retriever, plans: Sequence[QueryPlan], expansions: Sequence[Expansion]
) -> list[Gathered]:
    answers, profile = retriever.answers, retriever.profile
    names, layout = profile.names, profile.payload
    vectors: Sequence[QueryVectors] = answers(
        [Encode(plan, expansion, dense=True) for plan, expansion in zip(plans, expansions, strict=True)]
    )
    lists: Sequence[list[list[ScoredPoint]]] = answers(
        [Search(requests(plan, profile, each)) for plan, each in zip(plans, vectors, strict=True)]
    )
    found: list[Gathered] = []
    for plan, each, answer in zip(plans, vectors, lists, strict=True):
        documents = {
            point.id: layout.doc_id_of(point.payload, point.id) for list_ in answer for point in list_
        }
        points = sorted(documents, key=str)
        records = answers([Fetch(points, (names.dense, names.scenarios))])[0]
        points = [point for point in points if point in records]
        found.append(_gathered(retriever, plan, each, answer, points, documents, records))
    return found


def _gathered(
    retriever: Retriever,
    plan: QueryPlan,
    vectors: QueryVectors,
    answer: Sequence[list[ScoredPoint]],
    points: list[PointId],
    documents: dict[PointId, str],
    records: dict[PointId, Record],
) -> Gathered:
    names = retriever.profile.names
    assert vectors.dense is not None
    dense, scenarios = [], []
    for point in points:
        passage, rows = (records[point].vectors[name] for name in (names.dense, names.scenarios))
        assert isinstance(passage, np.ndarray) and isinstance(rows, np.ndarray)
        near, each = similar(passage, rows, vectors.dense, plan.index_alpha)
        dense.append(near)
        scenarios.append(each)
    at = {point: position for position, point in enumerate(points)}
    lists: dict[BranchName, tuple[Positions, list[float]]] = {}
    for branch, list_ in zip(plan.branches, answer, strict=True):
        there = [point for point in list_ if point.id in at]
        lists[branch.name] = (
            np.array([at[point.id] for point in there], dtype=np.intp),
            [point.score for point in there],
        )
    return Gathered(
        points=tuple(points),
        documents=tuple(documents[point] for point in points),
        dense=np.array(dense, dtype=np.float32),
        scenarios=tuple(scenarios),
        lists=lists,
        reranked=_reranked(retriever, plan, points, records),
    )


def _reranked(
    retriever: Retriever, plan: QueryPlan, points: Sequence[PointId], records: dict[PointId, Record]
) -> FloatArray | None:
    """The score of every point; one that the reranker cannot read gets the least there is."""
    stage = plan.rerank
    if stage is None or not points:
        return None
    read: dict[PointId, Any]
    if stage.using is None:
        layout = retriever.profile.payload
        fetch = Fetch(points, (), payload=layout.keys("title", "text"))
        read = dict(texts_of(retriever.answers([fetch])[0], layout))
    else:
        known = retriever.profile.names.dense == stage.using
        read = dict(
            vectors_of(
                records if known else retriever.answers([Fetch(points, (stage.using,))])[0], stage.using
            )
        )
    values = [read[point] for point in points if point in read]
    scores: FloatArray = np.full(len(points), -np.inf, dtype=np.float32)
    if values:
        candidates = values if stage.using is None else np.stack(values)
        scores[[point in read for point in points]] = retriever.answers(
            [Score(plan.query, stage, candidates)]
        )[0]
    return scores
