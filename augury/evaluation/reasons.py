"""In a sentence, why one run has a relevant document further up than another.

Every clause is read from the places that the stages of both searches gave the document's passage. Where these
do not tell why, the sentence has the ranks alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ..schemas.evaluation import ComparedDocument, PlaceInRun
from ..schemas.hit import Explanation, Place
from ..schemas.plan import QueryPlan
from ..schemas.profile import BranchName

_CLAUSES = 2
_FAR = 2
"""A branch tells why where one run's rank in it is so many times the other's."""
_NEED_CHARS = 80


@dataclass(frozen=True)
class _Side:
    """One run's search: ``found`` documents, and among them perhaps the one in question."""

    name: str
    place: PlaceInRun | None
    plan: QueryPlan | None
    found: int

    @property
    def rank(self) -> float:
        return self.place.rank if self.place else math.inf

    @property
    def explanation(self) -> Explanation | None:
        return self.place.explanation if self.place else None

    def __str__(self) -> str:
        if self.place:
            return f"rank {self.place.rank} in {self.name}"
        return f"not among the {self.found} documents of {self.name}"


def reason(
    document: ComparedDocument,
    plans: tuple[QueryPlan | None, QueryPlan | None],
    found: tuple[int, int],
) -> str:
    """``reason(document, (plan_a, plan_b), (100, 100))``: ranks in a and b, and why they differ.

    Args:
        found: how many documents each run has for the query.
    """
    a, b = (
        _Side(name, place, plan, count)
        for name, place, plan, count in zip("ab", (document.a, document.b), plans, found, strict=True)
    )
    better, worse = (a, b) if a.rank < b.rank else (b, a)
    clauses = list(islice(_causes(better, worse), _CLAUSES))
    return f"relevant {document.doc_id}: {a}, {b}{': ' if clauses else ''}{'; '.join(clauses)}."


def _causes(better: _Side, worse: _Side) -> Iterator[str]:
    """Clauses, the last stage's first."""
    good, bad = better.explanation, worse.explanation
    if good is None or better.plan is None or worse.plan is None:
        return
    yield from _reranked(better, worse)
    if better.place and worse.place and bad and better.place.chunk != worse.place.chunk:
        passages = f"{better.place.chunk} in {better.name}, {worse.place.chunk} in {worse.name}"
        yield f"the runs answer with different passages of it ({passages})"
        return
    lifted = _lifted(better, worse)
    if lifted:
        yield lifted
    told = bool(lifted)
    for name in dict.fromkeys(branch.name for plan in (better.plan, worse.plan) for branch in plan.branches):
        if lifted and name != "sparse":
            continue  # said already
        if clause := _branch(name, better, worse):
            told = True
            yield clause
    if not told and bad and good.fused.rank < bad.fused.rank:
        ours, theirs = _fusion(better.plan), _fusion(worse.plan)
        if ours and theirs and ours != theirs:
            yield f"fused by {ours} it is at {good.fused.rank}, by {theirs} at {bad.fused.rank}"


def _reranked(better: _Side, worse: _Side) -> Iterator[str]:
    good, bad = better.explanation, worse.explanation
    up = good.reranked if good else None
    down = bad.reranked if bad else None
    if up and down and up.rank >= down.rank:
        return
    if good and up and up.rank < good.fused.rank:
        yield _rerank(better, up, good.fused)
    if bad and down and down.rank > bad.fused.rank:
        yield _rerank(worse, down, bad.fused)
    stage = worse.plan.rerank if worse.plan else None
    if bad and stage and not down and bad.fused.rank > stage.depth:
        yield f"{worse.name} reranks its first {stage.depth} passages, and this is number {bad.fused.rank}"


def _rerank(side: _Side, now: Place, before: Place) -> str:
    return f"the reranker of {side.name} has it at {now.rank}, the search before it at {before.rank}"


def _lifted(better: _Side, worse: _Side) -> str:
    """The scenario that is nearer to the query than the passage itself and gave it its better place."""
    good, bad = better.explanation, worse.explanation
    if good is None or good.scenario is None or "scenarios" not in good.branches:
        return ""
    by_scenario, dense = good.branches["scenarios"], good.branches.get("dense")
    if dense is None and bad and _expands(better) == _expands(worse) == "off":
        dense = bad.branches.get("dense")
    other = bad.branches.get("scenarios") if bad else None
    if dense is None or not by_scenario.rank < dense.rank or good.scenario.similarity <= dense.score:
        return ""
    if other and other.rank <= by_scenario.rank:
        return ""
    need = good.scenario.need
    short = need if len(need) <= _NEED_CHARS else f"{need[: _NEED_CHARS - 1]}…"
    return (
        f"its scenario '{short}' lifts it from {dense.rank} in the dense branch to {by_scenario.rank} in the "
        f"scenarios branch{_of_expansion(better, worse)}"
    )


def _branch(name: BranchName, better: _Side, worse: _Side) -> str:
    """What a branch has to do with it; empty where nothing is known to."""
    good, bad = better.explanation, worse.explanation
    up = good.branches.get(name) if good else None
    down = bad.branches.get(name) if bad else None
    if not _searches(worse, name):
        if up is None or up.rank >= worse.rank:
            return ""
        return f"only {better.name} searches the {name} branch, which has it at {up.rank}"
    if not _searches(better, name):
        if bad is None or (down and down.rank < _FAR * better.rank):
            return ""
        place = f"has it at {down.rank}" if down else "does not find it"
        return f"only {worse.name} searches the {name} branch, which {place}"
    if up is None:
        return ""
    in_better = f"the {name} branch has it at {up.rank} in {better.name}{_of_expansion(better, worse)}"
    if bad is None:
        return in_better
    if down is None:
        return f"{in_better} and does not find it in {worse.name}"
    return f"{in_better}, at {down.rank} in {worse.name}" if down.rank >= _FAR * up.rank else ""


def _searches(side: _Side, name: BranchName) -> bool:
    return side.plan is not None and any(branch.name == name for branch in side.plan.branches)


def _expands(side: _Side) -> str:
    return side.plan.expand if side.plan else "off"


def _of_expansion(better: _Side, worse: _Side) -> str:
    """What else differs between two searches of one branch."""
    ours, theirs = _expands(better), _expands(worse)
    return "" if ours == theirs else f" (expansion: {ours} in {better.name}, {theirs} in {worse.name})"


def _fusion(plan: QueryPlan) -> str:
    if plan.qnet:
        return f"q-net ({plan.qnet.text})"
    if plan.fusion is None:
        return ""
    weights = ", ".join(f"{branch.name} {branch.weight:g}" for branch in plan.branches)
    return f"{plan.fusion} ({weights})"
