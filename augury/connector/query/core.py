"""One search from its plan to its hits, as a generator of steps: what every driver shares.

``search_steps(plan, profile, expansion, fields)`` yields the steps of ``steps.py`` and returns a ``Found``.
It does no I/O and waits for nothing, so that the same lines serve one query, a batch and an event loop.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...errors import ModelError
from ...schemas.expansion import Expansion
from ...schemas.hit import Explanation, Hit, MatchedScenario, Place
from ...schemas.payload_layout import PayloadLayout
from ...schemas.plan import QueryPlan, Rerank
from ...schemas.points import FloatArray, PointId, Record
from ...schemas.profile import Profile
from ...schemas.qnet_search import QNetWork
from ..fold import MAX_ALPHA
from .by_qnet import by_qnet
from .candidates import Candidates
from .compile import QueryVectors, ranked_lists, requests
from .diversify import POOL, diversified
from .filter_fields import KnownFields
from .fuse import Ranked
from .pool import pooled, similar
from .rerank import blended, texts_of, vectors_of
from .steps import NOTHING, Ask, Encode, Fetch, Score, Search, Step
from .unsure import unsure


class Found(NamedTuple):
    """What a search has to tell, but for its timings."""

    hits: list[Hit]
    expansion: Expansion
    notes: list[str]
    qnet: QNetWork | None = None


Steps = Generator[Step, Any, Found]


def search_steps(
    plan: QueryPlan, profile: Profile, expansion: Expansion, fields: KnownFields, *, far: bool = False
) -> Steps:
    """``steps = search_steps(plan, profile, expansion, fields)``; send each step's answer into it.

    Args:
        expansion: what the rules made of the query.
        fields: checks those of the plan's filter.
        far: whether the engine is a network away, so that vectors had better come with the search.
    """
    carry = _carried(plan) if far else ()
    notes = list(plan.notes)
    if plan.filter:
        notes += yield from fields.check(plan.filter, plan.tenant)
    if plan.expand == "llm" and plan.reads_dense:
        expansion = yield Ask(plan.query, expansion)
    vectors = NOTHING
    found: Candidates | None = None
    work: QNetWork | None = None
    if plan.branches:
        vectors, found, expansion = yield from _first_stage(plan, profile, expansion, carry)
    if plan.qnet:
        found, work = yield from by_qnet(plan, profile, found)
    assert found is not None
    notes += found.notes
    ranked, reranked = yield from _reranked(plan, profile, found)
    ranked = found.grouped(ranked)
    moved: Mapping[PointId, Place] = {}
    if plan.diversity > 0:
        ranked, moved = yield from _diversified(plan, profile, ranked)
    best = ranked[: plan.limit]
    records: dict[PointId, Record] = yield Fetch(
        [point for point, _ in best], (profile.names.dense, profile.names.scenarios), payload=True
    )
    layout = profile.payload
    if vectors.dense is None and any(
        layout.own_of(record.payload).get("scenarios") for record in records.values()
    ):
        # The sparse branch alone needs no dense vector, but that names the scenario of a hit.
        vectors = yield Encode(plan, expansion, vectors, dense=True)
    places, fused = found.places([point for point, _ in best])
    hits = [
        _hit(
            records[point],
            layout,
            score,
            Explanation(
                branches=places[point],
                fused=fused[point],
                reranked=reranked.get(point),
                diversified=moved.get(point),
                scenario=_matched(records[point], profile, vectors.dense),
            ),
        )
        for point, score in best
        if point in records
    ]
    return Found(hits, expansion, notes, work)


def _first_stage(
    plan: QueryPlan, profile: Profile, expansion: Expansion, carry: tuple[str, ...]
) -> Generator[Step, Any, tuple[QueryVectors, Candidates, Expansion]]:
    """What the branches find, once more with the query expanded where that was unsure."""
    vectors: QueryVectors = yield Encode(plan, expansion)
    found = yield from _candidates(plan, profile, vectors, carry)
    if plan.expand == "auto" and plan.reads_dense:
        doubtful = unsure(found.lists, profile.expansion.unsure_below)
        expansion = expansion.model_copy(update={"unsure": doubtful})
        if doubtful:
            expansion = yield from _asked_kindly(plan, expansion)
            if expansion.passages:
                vectors = yield Encode(plan, expansion, vectors)
                found = yield from _candidates(plan, profile, vectors, carry)
    return vectors, found, expansion


def _carried(plan: QueryPlan) -> tuple[str, ...]:
    """The vector that the q-net reads, where one branch finds no more passages than are reranked."""
    stage = plan.rerank
    if stage is None or stage.using is None or len(plan.branches) != 1 or plan.alpha is not None:
        return ()
    return (stage.using,) if plan.branches[0].limit <= stage.depth else ()


def _candidates(
    plan: QueryPlan, profile: Profile, vectors: QueryVectors, carry: tuple[str, ...]
) -> Generator[Step, Any, Candidates]:
    """What the branches find; where its passages are of too few documents, more is searched."""
    asked = plan
    while True:
        answers = yield Search(requests(asked, profile, vectors, carry=carry))
        lists = ranked_lists(asked, answers)
        if asked.pool == "soft":
            lists = yield from _pooled(asked, profile, vectors, lists)
        found = Candidates(asked, lists, answers, profile.payload)
        if not found.may_lack_documents(answers):
            if asked is not plan:
                found.notes.append(
                    f"Each branch was searched for {asked.branches[0].limit:,} passages, because "
                    f"{plan.branches[0].limit:,} were of fewer than {plan.limit} documents."
                )
            return found
        wider = tuple(branch.model_copy(update={"limit": branch.limit * 4}) for branch in asked.branches)
        asked = asked.model_copy(update={"branches": wider})
        carry = ()


def _pooled(
    plan: QueryPlan, profile: Profile, vectors: QueryVectors, lists: Sequence[Ranked]
) -> Generator[Step, Any, list[Ranked]]:
    """The lists with that of the scenarios branch scored by all scenarios of each passage."""
    names = profile.names
    found = list(lists)
    for place, branch in enumerate(plan.branches):
        if branch.name == "scenarios" and found[place]:
            assert vectors.dense is not None
            points = [point for point, _ in found[place]]
            records = yield Fetch(points, (names.dense, names.scenarios))
            found[place] = pooled(found[place], records, names, vectors.dense, plan)
    return found


def _asked_kindly(plan: QueryPlan, expansion: Expansion) -> Generator[Step, Any, Expansion]:
    """``auto`` asks, but nobody asked for an LLM in so many words: without one the search goes on."""
    try:
        asked: Expansion = yield Ask(plan.query, expansion)
        return asked
    except ModelError as error:
        return expansion.model_copy(update={"note": str(error)})


def _reranked(
    plan: QueryPlan, profile: Profile, found: Candidates
) -> Generator[Step, Any, tuple[Ranked, Mapping[PointId, Place]]]:
    """The ranking with its head scored again, and each place by the new score alone."""
    stage = plan.rerank
    if stage is None or not found.fused:
        return found.fused, {}
    head = [point for point, _ in found.fused[: stage.depth]]
    candidates = yield from _read(stage, profile.payload, found, head)
    usable = [point for point in head if point in candidates]
    if not usable:
        return found.fused, {}
    values = [candidates[point] for point in usable]
    scores = yield Score(plan.query, stage, values if stage.using is None else np.stack(values))
    return blended(found.fused, dict(zip(usable, scores.tolist(), strict=True)), stage.weight)


def _read(
    stage: Rerank, layout: PayloadLayout, found: Candidates, points: Sequence[PointId]
) -> Generator[Step, Any, Mapping[PointId, Any]]:
    """What the reranker reads of each point: its vector, or its text. Points that are gone are absent."""
    if stage.using is None:
        return texts_of((yield Fetch(points, (), payload=layout.keys("title", "text"))), layout)
    carried = vectors_of({point: found.records[point] for point in points}, stage.using)
    if len(carried) == len(points):
        return carried
    return vectors_of((yield Fetch(points, (stage.using,))), stage.using)


def _diversified(
    plan: QueryPlan, profile: Profile, ranked: Ranked
) -> Generator[Step, Any, tuple[Ranked, Mapping[PointId, Place]]]:
    pool = ranked[: max(POOL, plan.limit)]
    dense = profile.names.dense
    vectors = vectors_of((yield Fetch([point for point, _ in pool], (dense,))), dense)
    return diversified([pair for pair in pool if pair[0] in vectors], vectors, plan.diversity, plan.limit)


def _hit(record: Record, layout: PayloadLayout, score: float, explanation: Explanation) -> Hit:
    payload = record.payload
    return Hit(
        doc_id=layout.doc_id_of(payload, record.id),
        score=score,
        title=layout.title_of(payload),
        text=layout.text_of(payload),
        chunk=layout.own_of(payload).get("chunk", 0),
        source=layout.source_of(payload),
        metadata=layout.metadata_of(payload),
        explanation=explanation,
    )


def _matched(record: Record, profile: Profile, query: FloatArray | None) -> MatchedScenario | None:
    """The scenario nearest to the query, worked out from the rows that came with the hit."""
    alpha = profile.scenarios.alpha
    texts = profile.payload.own_of(record.payload).get("scenarios") or []
    if query is None or not texts or alpha > MAX_ALPHA:
        return None
    rows = record.vectors[profile.names.scenarios]
    passage = record.vectors[profile.names.dense]
    assert isinstance(rows, np.ndarray) and isinstance(passage, np.ndarray)
    _, similarities = similar(passage, rows, query, alpha)
    best = int(np.argmax(similarities))
    scenario = texts[best]
    return MatchedScenario(
        need=scenario["need"],
        explanation=scenario.get("explanation", ""),
        generator=scenario.get("generator", ""),
        similarity=float(similarities[best]),
    )
