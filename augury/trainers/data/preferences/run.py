"""From queries with judgements to pairs: opens what is needed, and has the pairs written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ....connector.index import Index
from ....connector.index import open as open_index
from ....connector.query.planner import SearchOptions
from ....errors import SourceError, UsageError
from ....evaluation.coverage import held_documents
from ....evaluation.dataset import Dataset
from ....models.llm.client import LlmClient
from ....schemas.connection import Connection
from ....schemas.data_report import PreferenceReport
from ....schemas.llm import LlmProfile
from ....schemas.profile import Profile
from ....schemas.training import TrainingRecord
from .judged import Judged, judged_queries
from .options import PreferenceOptions
from .outcome import OutcomeFile
from .retrieval import RetrievalReward
from .sample import Sampler
from .score import Scorer
from .write import PreferenceWriter

Progress = Callable[[int, int], None]


def make_preferences(
    records: Iterable[TrainingRecord],
    output: Path,
    options: PreferenceOptions,
    llm: LlmProfile,
    *,
    dataset: Dataset | None = None,
    exclude_self: bool = False,
    connection: Connection | None = None,
    progress: Progress | None = None,
) -> PreferenceReport:
    """``make_preferences(open_records("scifact:train"), Path("pairs.jsonl"), options, LlmProfile(...))``.

    Args:
        dataset: judgements of the same queries, with grades and with documents that are dropped.
        exclude_self: without a dataset: whether a document with the query's id is dropped.
        progress: called with the queries done and all of them.

    Raises:
        UsageError: the output is something else, or was made with other options.
        SourceError: there is no query, or the index is of another collection.
        IndexNotFound, EndpointError, StoreUnavailable
    """
    file = OutcomeFile.beside(output)
    if output.exists() and not file.exists():
        raise UsageError(f"{output} is there and holds something else", "Name another file")
    queries = judged_queries(records, dataset, exclude_self=exclude_self, count=options.queries)
    if not queries:
        raise SourceError("There is no query to expand", "Give a file with a record on each line")
    with ExitStack() as stack:
        index = retrieval = held = None
        profile = Profile()
        if options.index:
            index = stack.enter_context(_opened(options, connection))
            profile = index.profile
            retrieval = RetrievalReward(index, SearchOptions(branches=options.branches), options.measure)
            held = _held(index, queries)
        of_index = index.models.dense if index else None
        encoder = of_index
        if encoder is None or options.dense:
            from ....models.dense import load_dense

            encoder = load_dense(options.dense or profile.dense.model)
        client = stack.enter_context(LlmClient.with_cache(llm))
        sampling = profile.expansion.sampling
        made_with = {
            "llm": client.model,
            "similarities": [encoder.name, encoder.revision],
            "sampling": sampling.model_dump(),
            "weight of the query": profile.expansion.query_weight,
            "judgements": dataset.name if dataset else "those of the records",
            **options.model_dump(mode="json", exclude={"queries", "query_weight"}),
            "reward": options.ranked_by,
            "answers": options.with_answers,
        }
        outcomes = stack.enter_context(OutcomeFile(output, made_with))
        writer = PreferenceWriter(
            client,
            Sampler(
                client,
                sampling,
                samples=options.samples,
                temperatures=options.temperatures,
                answers=options.with_answers,
                seed=options.seed,
            ),
            Scorer(encoder, options, retrieval, of_index),
            held,
        )
        report = writer.run(queries, output, outcomes, progress=progress)
    report.measure = options.measure if options.index else ""
    return report


@contextmanager
def _opened(options: PreferenceOptions, connection: Connection | None) -> Iterator[Index]:
    def chosen(profile: Profile) -> Profile:
        if options.query_weight is None:
            return profile
        changes: Any = {"query_weight": options.query_weight}
        return profile.model_copy(update={"expansion": profile.expansion.model_copy(update=changes)})

    assert options.index is not None
    with open_index(options.index, create=False, profile=chosen, connection=connection) as index:
        yield index


def _held(index: Index, queries: Sequence[Judged]) -> frozenset[str]:
    """The relevant documents that the index has. Raises ``SourceError`` where it has none of them."""
    wanted = {name for each in queries for name, grade in each.grades.items() if grade > 0}
    held = frozenset(held_documents(index.store, sorted(wanted), index.profile.payload))
    if not held and not any(each.by_text for each in queries):
        raise SourceError(
            f"None of the {len(wanted)} relevant documents is in {index.where}, such as {min(wanted)!r}",
            "Is it another collection? Name the index of this one",
        )
    return held
