"""What each part of a search is worth: the same queries with one part more in every row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from ..connector.index import Index
from ..connector.query.planner import SearchOptions, confined
from ..errors import AuguryError
from ..schemas.details import QueryDetails
from ..schemas.evaluation import Ablation, AblationRow, Difference, Evaluation, SkippedRow
from ..schemas.expansion import ExpandMode
from ..schemas.profile import Profile
from .coverage import coverage
from .dataset import Dataset
from .evaluate import MEASURES, evaluate, mean_of
from .measure import parsed
from .statistics import holm, paired_p

_BARE: dict[str, Any] = {"expand": "off", "rerank": 0, "reranker": None, "rerank_weight": None}
_ALONE: dict[str, Any] = {**_BARE, "weights": None, "fusion": None}

Row = tuple[str, SearchOptions | str]
"""A row's name, and how it searches or why it cannot."""


def ablate(
    index: Index,
    dataset: Dataset,
    measures: Sequence[str] = MEASURES,
    options: SearchOptions | None = None,
    *,
    depth: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    details: Callable[[str, QueryDetails], None] | None = None,
) -> Ablation:
    """``ablate(index, open_dataset("scifact")).rows``: each branch alone, fused, expanded and reranked.

    A row that cannot be run, or that would repeat another, is in ``skipped`` with the reason. Differences are
    to the first row; their p values are corrected, per measure, for the number of rows.

    Args:
        options: hold in every row, as far as they are not what the row is about; ``branches``, ``fusion`` and
            ``weights`` hold in those that fuse.
        progress: called with the row, the queries done and all of them.
        details: called with the row and what a comparison may ask about each query; see ``DetailsWriter``.

    Raises:
        UsageError: a measure that is none.
        SourceError: the index holds no judged document.
        AuguryError: that of the last row, where none could be run.
    """
    parsed(measures)
    options = options or SearchOptions()
    documents = coverage(index.store, dataset, index.profile.payload, confined(index.profile, options.tenant))
    found: dict[str, Evaluation] = {}
    skipped: list[SkippedRow] = []
    error: AuguryError | None = None
    for name, row in rows(index, options):
        if isinstance(row, str):
            skipped.append(SkippedRow(name=name, reason=row))
            continue
        try:
            found[name] = evaluate(
                index,
                dataset,
                row,
                measures,
                depth=depth,
                documents=documents,
                progress=partial(progress, name) if progress else None,
                details=partial(details, name) if details else None,
            )
        except AuguryError as failure:
            error = failure
            skipped.append(SkippedRow(name=name, reason=str(failure)))
    if error is not None and not found:
        raise error
    against = differences({name: _values(evaluation) for name, evaluation in found.items()})
    return Ablation(
        rows=tuple(
            AblationRow(name=name, evaluation=evaluation, differences=against[name])
            for name, evaluation in found.items()
        ),
        skipped=tuple(skipped),
    )


def rows(index: Index, options: SearchOptions) -> Iterator[Row]:
    """The rows of an ablation, in order."""
    if options.by_qnet:
        yield from rows(index, options.model_copy(update={"by_qnet": None, "branches": None}))
        yield f"q-net, {options.by_qnet}", options
        return
    profile = index.profile
    fused = options.branches or tuple(
        name for name in profile.search.branches if name != "sparse" or profile.sparse
    )
    for branch in ("dense", "sparse", "scenarios"):
        if branch == "sparse" and profile.sparse is None:
            yield branch, "The index has no sparse vectors."
        elif branch == "scenarios" and not has_scenarios(index):
            yield branch, "No passage of the index has scenarios, so that this is the dense row."
        else:
            yield branch, options.model_copy(update={**_ALONE, "branches": (branch,)})
    if len(fused) == 1:
        yield "fused", f"Only the {fused[0]} branch is searched, so that this is the {fused[0]} row."
    else:
        yield "fused", options.model_copy(update=_BARE)
    base = "fused" if len(fused) > 1 else fused[0]
    mode, rerank = _expansion(profile, options), _rerank(profile, options)
    expand = {"expand": mode}
    if mode == "off":
        yield f"{base} + expansion", "Nothing to expand queries with is named: an LLM, or rules."
    else:
        yield f"{base} + expansion", options.model_copy(update={**_BARE, **expand})
    if rerank is None:
        yield f"{base} + rerank", "No reranker is named."
    else:
        yield f"{base} + rerank", options.model_copy(update={**rerank, "expand": "off"})
    if mode != "off" and rerank is not None:
        yield f"{base} + expansion + rerank", options.model_copy(update={**rerank, **expand})


def differences(values: dict[str, dict[str, dict[str, float]]]) -> dict[str, dict[str, Difference]]:
    """``differences({"a": {"nDCG@10": {"q1": 0.5}}, "b": ...})["b"]["nDCG@10"]``: of each to the first.

    The first has none. All must have the same measures and queries.
    """
    found: dict[str, dict[str, Difference]] = {name: {} for name in values}
    first, *others = values
    for measure, base in values[first].items():
        pairs = {
            name: (list(base.values()), [values[name][measure][query] for query in base]) for name in others
        }
        p_values = holm({name: paired_p(*pair) for name, pair in pairs.items()})
        for name, (mine, theirs) in pairs.items():
            mean = mean_of([b - a for a, b in zip(mine, theirs, strict=True)])
            found[name][measure] = Difference(**mean.model_dump(), p=p_values[name])
    return found


def _values(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    return {
        measure: {outcome.query_id: outcome.values[measure] for outcome in evaluation.outcomes}
        for measure in evaluation.measures
    }


def has_scenarios(index: Index) -> bool:
    """Whether any passage of the index has scenarios."""
    field = index.profile.payload.path("scenario_state")
    return index.store.count({"must": [{"key": field, "match": {"value": "complete"}}]}) > 0


def _expansion(profile: Profile, options: SearchOptions) -> ExpandMode:
    if options.expand is not None:
        return options.expand
    if profile.expansion.mode != "off":
        return profile.expansion.mode
    return "llm" if profile.llm.base_url or profile.llm.model else "off"


def _rerank(profile: Profile, options: SearchOptions) -> dict[str, Any] | None:
    """The options of a reranked search; None where nothing names a reranker.

    One that the index names is tried though its searches may not use it.
    """
    reranker = options.reranker
    if options.rerank is None and reranker is None and not profile.rerank.by:
        if profile.hypencoder:
            reranker = "hypencoder"
        elif profile.rerank.cross_encoder:
            reranker = "cross-encoder"
        else:
            return None
    if options.rerank == 0:
        return None
    return {"rerank": options.rerank, "reranker": reranker, "rerank_weight": options.rerank_weight}
