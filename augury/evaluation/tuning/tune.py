"""``tune``: better settings for an index, from judged queries, where they help with confidence."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from ...connector.index import Index
from ...connector.query.planner import SearchOptions, confined
from ...connector.reconcile import stored_profile
from ...errors import UsageError
from ...schemas.evaluation import Difference
from ...schemas.expansion import ExpandMode
from ...schemas.plan import QueryPlan
from ...schemas.profile import BranchName, Profile, Tuned
from ...schemas.tuning import TunedSetting, Tuning
from ..ablate import has_scenarios
from ..coverage import coverage
from ..dataset import Dataset
from ..evaluate import mean_of
from ..measure import deepest, parsed
from ..statistics import paired_p
from .climb import Turn, climb, folds_of
from .gather import gather
from .knobs import EVERY_QUERY, knobs
from .rankings import Choice, Rankings, Values

FOLDS = 5
_PER_FOLD = 4
"""Fewer queries a fold say nothing."""


def tune(
    index: Index,
    dataset: Dataset,
    measure: str = "nDCG@10",
    options: SearchOptions | None = None,
    *,
    folds: int = FOLDS,
    write: bool = True,
    progress: Callable[[str, int, int], None] | None = None,
) -> Tuning:
    """``tune(index, open_dataset("scifact", split="train")).settings``, and the index searches with them.

    Every query is searched once, in all branches; everything else is arithmetic on what was found. A setting
    is changed only where that helps queries that did not choose its value, with the 95 % interval above 0.

    Args:
        options: ``filter`` and ``tenant`` hold in every search, and ``candidates`` are taken from each
            branch. ``expand`` ``auto`` also has each query expanded by the LLM and tunes where that is worth
            it. ``reranker`` names one; an index's own is tried too, unless ``rerank`` is 0.
        write: store the settings with the index; a new alpha is folded in from the stored vectors.
        progress: called with ``searching`` or ``weighing``, what is done and all of it.

    Raises:
        UsageError: too few queries for the folds, or a measure that is none.
        SourceError: the index holds no judged document.
    """
    options = options or SearchOptions()
    parsed([measure])
    if len(dataset.queries) < folds * _PER_FOLD:
        raise UsageError(
            f"{len(dataset.queries)} judged queries are too few for {folds} folds",
            f"Judge at least {folds * _PER_FOLD}, or use fewer folds: --folds",
        )
    coverage(index.store, dataset, index.profile.payload, confined(index.profile, options.tenant))
    start = _start(stored_profile(index.where, index.store.metadata()))
    scenarios, sparse = has_scenarios(index), index.profile.sparse is not None
    candidates = options.candidates or index.profile.search.candidates
    plan = _planner(index, options, start, scenarios=scenarios, candidates=candidates)
    queries = gather(index.retriever, dataset, plan, _stage(progress, "searching"))
    first = plan(next(iter(dataset.queries.values())))
    rankings = Rankings(queries, dataset, first, candidates, max(10, deepest([measure])))
    turned = knobs(
        scenarios=scenarios,
        sparse=sparse,
        rerank=first.rerank is not None,
        expanded=rankings.best_scores if first.expand in ("llm", "auto") else None,
        alpha=index.profile.scenarios.alpha,
        reach=candidates * len(first.branches),
    )

    @cache  # some 8 bytes a query each
    def values(choice: Choice) -> Values:
        return rankings.values(choice, measure)

    everyone = np.arange(len(queries))
    tell = _stage(progress, "weighing")
    turns = climb(values, turned, start, everyone, folds)
    tell(1, folds + 1)
    held = np.empty(len(queries))
    fold = folds_of(len(queries), folds)
    for number in range(folds):
        mine = fold == number
        found = climb(values, turned, start, everyone[~mine], folds)[-1].after
        held[mine] = values(found)[mine]
        tell(number + 2, folds + 1)
    before = values(start)
    difference = mean_of((held - before).tolist())
    tuning = Tuning(
        dataset=dataset.name,
        measure=measure,
        queries=len(queries),
        folds=folds,
        before=mean_of(before.tolist()),
        after=mean_of(held.tolist()),
        difference=Difference(**difference.model_dump(), p=paired_p(before.tolist(), held.tolist())),
        settings=tuple(_setting(turn) for turn in turns),
        notes=tuple(_notes(turns, difference.mean)),
    )
    if write and any(turn.helps for turn in turns):
        _write(index, turns[-1].after, first, tuning)
        return tuning.model_copy(update={"written": True})
    return tuning


def _start(profile: Profile) -> Choice:
    """The settings that the index has."""
    search, rerank, expansion = profile.search, profile.rerank, profile.expansion
    below = {"llm": EVERY_QUERY, "auto": expansion.unsure_below}
    return Choice(
        alpha=profile.scenarios.alpha,
        pool=search.pool,
        pool_temperature=search.pool_temperature,
        fusion=search.fusion,
        weights=tuple(
            (name, search.weights.get(name, 1.0))
            for name in search.branches
            if name != "sparse" or profile.sparse
        ),
        rrf_k=search.rrf_k,
        rerank_depth=rerank.depth if rerank.by else 0,
        rerank_weight=rerank.weight if rerank.by else 0.0,
        unsure_below=below.get(expansion.mode),
    )


def _planner(
    index: Index, options: SearchOptions, start: Choice, *, scenarios: bool, candidates: int
) -> Callable[[str], QueryPlan]:
    """Plans with every branch, and twice the candidates: those of another alpha are among them."""
    names: list[BranchName] = ["dense"]
    if scenarios or any(name == "scenarios" for name, _ in start.weights):
        names.insert(0, "scenarios")
    if index.profile.sparse:
        names.append("sparse")
    reranker = options.reranker
    if reranker is None and options.rerank != 0 and index.profile.hypencoder and not index.profile.rerank.by:
        reranker = "hypencoder"
    every = SearchOptions(
        limit=1,
        branches=tuple(names),
        filter=options.filter,
        tenant=options.tenant,
        exact=options.exact,
        expand=options.expand,
        pool="max",
        candidates=2 * candidates,
        rerank=options.rerank,
        reranker=reranker,
    )
    return lambda text: index.retriever.plan(text, every)


def _setting(turn: Turn) -> TunedSetting:
    knob = turn.knob
    reason = knob.why_not
    if not reason and turn.gain is None:
        reason = "It makes no difference with the settings before it."
    elif not reason and not turn.helps:
        reason = "No other value helps with confidence."
    return TunedSetting(
        name=knob.name,
        before=knob.text(turn.before),
        after=knob.text(turn.after),
        best=knob.text(turn.best),
        tried=turn.tried,
        gain=turn.gain,
        reason=reason,
    )


def _notes(turns: list[Turn], gain: float) -> list[str]:
    if not any(turn.helps for turn in turns):
        return ["No setting helps with confidence, so that nothing is changed."]
    if gain <= 0:
        return ["The changes did not hold on queries that were kept apart; more judged queries would tell."]
    return []


def _write(index: Index, found: Choice, plan: QueryPlan, tuning: Tuning) -> None:
    folded = index.profile.scenarios.alpha
    index.change(lambda profile: _tuned(profile, found, plan, tuning))
    if found.alpha != folded:
        index.refold(found.alpha)


def _tuned(profile: Profile, found: Choice, plan: QueryPlan, tuning: Tuning) -> Profile:
    search = profile.search.model_copy(
        update={
            "branches": tuple(name for name, _ in found.weights),
            "weights": {name: weight for name, weight in found.weights if weight != 1.0},
            "fusion": found.fusion,
            "rrf_k": found.rrf_k,
            "pool": found.pool,
            "pool_temperature": found.pool_temperature,
        }
    )
    rerank = profile.rerank.model_copy(update={"by": None})
    if found.rerank_depth and plan.rerank:
        rerank = rerank.model_copy(
            update={"by": plan.rerank.by, "depth": found.rerank_depth, "weight": found.rerank_weight}
        )
    below = found.unsure_below
    mode: ExpandMode = "off" if profile.expansion.mode in ("llm", "auto") else profile.expansion.mode
    expansion = profile.expansion.model_copy(update={"mode": mode})
    if below is not None:
        every = below >= EVERY_QUERY
        expansion = expansion.model_copy(
            update={"mode": "llm"} if every else {"mode": "auto", "unsure_below": below}
        )
    tuned = Tuned(
        dataset=tuning.dataset,
        measure=tuning.measure,
        queries=tuning.queries,
        before=tuning.before.mean,
        after=tuning.after.mean,
    )
    parts = {"search": search, "rerank": rerank, "expansion": expansion, "tuned": tuned}
    return profile.model_copy(update=parts)


def _stage(progress: Callable[[str, int, int], None] | None, name: str) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        if progress:
            progress(name, done, total)

    return tell
