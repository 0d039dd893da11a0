"""What an evaluation says: measures with their uncertainty, latency, counts, and how it was made."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from .hit import Explanation
from .plan import QueryPlan
from .profile import Profile


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mean(_Part):
    """The mean over queries, and the 95 % bootstrap interval it lies in."""

    mean: float
    low: float
    high: float


class Difference(Mean):
    """A mean minus the one it is compared with, over the same queries.

    ``p`` is that of the paired randomisation test, two-sided; where several tests were made together, it is
    corrected by Holm's method.
    """

    p: float


class Latency(_Part):
    """Milliseconds one search took, run on its own: the median, and what 95 of 100 stay under."""

    p50_ms: float
    p95_ms: float


class Ranked(_Part):
    """A document of a run. ``relevance`` is None where nobody judged it."""

    doc_id: str
    title: str = ""
    relevance: int | None = None


class QueryOutcome(_Part):
    """What one query came to.

    Attributes:
        values: by measure.
        hits: how many documents were found.
        first_relevant: the rank of the first relevant document; None where none was found.
        top: the first few documents.
        error: why the query failed; it then counts as 0.
    """

    query_id: str
    text: str
    values: dict[str, float]
    hits: int = 0
    first_relevant: int | None = None
    top: tuple[Ranked, ...] = ()
    error: str = ""


class QueryCounts(_Part):
    """``searched`` is what the means are over, ``failed`` and ``without_hits`` among it.

    ``unjudged`` have no judgement and ``without_text`` have judgements and no text: neither was searched.
    ``without_relevant`` have no relevant document, so that nothing can be found for them.
    """

    searched: int
    failed: int = 0
    without_hits: int = 0
    without_relevant: int = 0
    unjudged: int = 0
    without_text: int = 0


class DocumentCounts(_Part):
    """Judged documents, and those of them that the index does not hold.

    ``relevant`` counts the judged documents that are relevant to any query; ``missing_ids`` names the first
    of the missing.
    """

    judged: int
    missing: int = 0
    relevant: int = 0
    missing_relevant: int = 0
    missing_ids: tuple[str, ...] = ()


class Evaluation(_Part):
    """``print(evaluation.model_dump_json(exclude={"run"}))`` is what ``augury evaluate --json`` prints.

    Attributes:
        options: the search options that were given; what they leave out follows the profile.
        depth: documents kept of each search.
        measures: by name, as it was asked for.
        recall: recall by cut-off, the mean over queries.
        latency: by stage, and ``total``, of searches for ``depth`` documents.
        plan: that of the first query.
        run: query id -> document id -> score, best first.
        notes: what may make the numbers say less than they seem to.
    """

    dataset: str
    index: str
    engine: str
    engine_version: str
    augury_version: str
    date: datetime
    options: dict[str, Any] = Field(default_factory=dict)
    depth: int
    exclude_self: bool = False
    measures: dict[str, Mean]
    recall: dict[int, float] = Field(default_factory=dict)
    latency: dict[str, Latency] = Field(default_factory=dict)
    queries: QueryCounts
    documents: DocumentCounts
    outcomes: tuple[QueryOutcome, ...] = ()
    profile: Profile
    plan: QueryPlan | None = None
    run: dict[str, dict[str, float]] = Field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()


class AblationRow(_Part):
    """One way to search, and by measure what it is worth against the first row; empty in that one."""

    name: str
    evaluation: Evaluation
    differences: dict[str, Difference] = Field(default_factory=dict)


class SkippedRow(_Part):
    """A row that could not be run, and why."""

    name: str
    reason: str


class Ablation(_Part):
    """What each part of a search is worth. ``rows`` is in the order of the parts."""

    rows: tuple[AblationRow, ...] = Field(min_length=1)
    skipped: tuple[SkippedRow, ...] = ()


class PlaceInRun(_Part):
    """Where a run has a document, counted from 1, and why.

    ``explanation`` is of its best passage, number ``chunk``. It is None where no details tell it: they hold
    the first documents of each query and the relevant ones.
    """

    rank: int
    chunk: int = 0
    explanation: Explanation | None = None


class ComparedDocument(Ranked):
    """A document in both runs; ``a`` or ``b`` is None where that run has not found it."""

    a: PlaceInRun | None = None
    b: PlaceInRun | None = None


class Changed(_Part):
    """A query that two runs answer differently.

    Attributes:
        top_a, top_b: the first documents of both.
        plan_a, plan_b: how each was searched; None where no details tell it.
        documents: the relevant ones that moved most, then those that came before them.
        reasons: sentences on why relevant documents moved, as far as the details tell.
    """

    query_id: str
    text: str = ""
    a: float
    b: float
    top_a: tuple[Ranked, ...] = ()
    top_b: tuple[Ranked, ...] = ()
    plan_a: QueryPlan | None = None
    plan_b: QueryPlan | None = None
    documents: tuple[ComparedDocument, ...] = ()
    reasons: tuple[str, ...] = ()


class Comparison(_Part):
    """Two runs on one measure. ``difference`` is b minus a.

    ``better``, ``worse`` and ``same`` count queries; ``won`` and ``lost`` are those that changed most,
    the largest change first.
    """

    measure: str
    a: Mean
    b: Mean
    difference: Difference
    queries: int
    better: int
    worse: int
    same: int
    won: tuple[Changed, ...] = ()
    lost: tuple[Changed, ...] = ()
    notes: tuple[str, ...] = ()
