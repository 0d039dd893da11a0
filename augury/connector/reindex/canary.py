"""A few queries asked of both generations, before one takes the other's place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import ModelError
from ...schemas.payload_layout import at
from ...schemas.profile import Profile
from ...schemas.reindex import Canary
from ..index_models import IndexModels
from ..query.parts import SearchParts
from ..query.planner import SearchOptions
from ..query.retriever import Retriever
from ..store.base import Store

DEPTH = 10
_MADE = 50
_WORDS = 24
_LOST = 5
_FLOOR = 0.5  # of the new generation's, where the old models are gone
_SENTENCE = re.compile(r"(?<=[.!?])\s")


@dataclass(frozen=True)
class CanarySet:
    """``CanarySet({"q": "a need"}, {"q": {"d1": 1}})``: queries and, where there are some, judgements.

    Attributes:
        judged: query id -> document id -> relevance. Without any, a query's answer is what the old generation
            finds first.
        tenants: query id -> whose documents it searches, in an index of several tenants.
    """

    queries: Mapping[str, str]
    judged: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    tenants: Mapping[str, str] = field(default_factory=dict)
    made: bool = False


def from_stored(store: Store, profile: Profile) -> CanarySet:
    """Titles, or else first sentences, of some documents; each has to find its own document."""
    queries, judged, tenants = {}, {}, {}
    first: dict[str, Any] = {"must": [{"key": "chunk", "match": {"value": 0}}]}
    page = store.page(first, payload=("doc_id", "title", "text", "metadata"), batch=_MADE)
    for record in page.records:
        payload = record.payload
        text = payload.get("title") or _SENTENCE.split(payload.get("text", ""), maxsplit=1)[0]
        query = " ".join(str(text).split()[:_WORDS])
        if query:
            name = str(record.id)
            queries[name], judged[name] = query, {str(payload["doc_id"]): 1}
            if profile.tenant:
                tenants[name] = str(at(payload, profile.tenant))
    return CanarySet(queries, judged, tenants, made=True)


def ask(
    canary: CanarySet,
    old: tuple[Store, Profile, IndexModels],
    new: tuple[Store, Profile, IndexModels],
    tolerance: float,
) -> Canary:
    """What both generations find. ``worse`` where the new one finds less by more than the tolerance."""
    after = _search(canary, *new)
    try:
        before = _search(canary, *old)
    except ModelError:
        before = None
    names = list(canary.queries)
    judged: dict[str, set[str]] = {
        name: {doc for doc, relevance in canary.judged.get(name, {}).items() if relevance > 0}
        for name in names
    }
    if not canary.judged and before is not None:
        judged = {name: set(before[name][:1]) for name in names}
    hit = {name: bool(judged[name] & set(after[name])) for name in names}
    found = _share([hit[name] for name in names])
    report = Canary(
        queries=len(names),
        made_from="stored texts" if canary.made else "a file",
        depth=DEPTH,
        after=found,
        tolerance=tolerance,
    )
    if before is None:
        return report.model_copy(update={"worse": found < _FLOOR - tolerance})
    had = {name: bool(judged[name] & set(before[name])) for name in names}
    share = _share([had[name] for name in names])
    overlaps = [
        len(set(before[name]) & set(after[name])) / len(before[name]) for name in names if before[name]
    ]
    return report.model_copy(
        update={
            "before": share,
            "same": round(sum(overlaps) / len(overlaps), 4) if overlaps else 1.0,
            "worse": found < share - tolerance - 1e-9,
            "lost": [canary.queries[name] for name in names if had[name] and not hit[name]][:_LOST],
        }
    )


def _search(canary: CanarySet, store: Store, profile: Profile, models: IndexModels) -> dict[str, list[str]]:
    """The first documents for each query."""
    retriever = Retriever.over(
        store, SearchParts(profile, models.dense, models.sparse, None, models.reranker)
    )
    names = list(canary.queries)
    plans = [
        retriever.plan(
            canary.queries[name],
            SearchOptions(limit=DEPTH, expand="off", rerank=0, tenant=canary.tenants.get(name)),
        )
        for name in names
    ]
    results = retriever.run(plans)
    return {name: [hit.doc_id for hit in result.hits] for name, result in zip(names, results, strict=True)}


def _share(found: Sequence[bool]) -> float:
    return round(sum(found) / len(found), 4) if found else 1.0
