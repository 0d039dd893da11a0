"""What the commands that make training data say when they are done: reports that add up."""

from __future__ import annotations

from pydantic import BaseModel, Field

from .llm import LlmUsage
from .report import Failure


class ReadCounts(BaseModel):
    """``rows`` is always ``used + failed``; ``records`` is what the used ones became."""

    format: str = ""
    rows: int = 0
    used: int = 0
    failed: int = 0
    records: int = 0
    failures: list[str] = Field(default_factory=list, description="of the first 100 rows that failed")
    notes: list[str] = Field(default_factory=list)


class ConvertReport(BaseModel):
    """``augury data convert --json``."""

    read: ReadCounts
    output: str


class Spread(BaseModel):
    """How numbers are spread; all 0 where there are none."""

    count: int = 0
    mean: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    min: float = 0.0
    max: float = 0.0


class StatsReport(BaseModel):
    """``augury data stats --json``.

    Attributes:
        queries: different ones, by their text.
        repeated_queries: records whose query an earlier record has.
        duplicate_records: records that say the same as an earlier one.
        contradictions: passages that are a positive and a negative of one query.
        doubtful_negatives: negatives that the teacher puts at or above a positive of their record.
        words: of queries, positives and negatives.
    """

    read: ReadCounts
    queries: int = 0
    repeated_queries: int = 0
    duplicate_records: int = 0
    contradictions: int = 0
    without_negatives: int = 0
    doubtful_negatives: int = 0
    positives: Spread = Spread()
    negatives: Spread = Spread()
    words: dict[str, Spread] = Field(default_factory=dict)
    scores: dict[str, Spread] = Field(default_factory=dict, description="of the teacher")


class SplitReport(BaseModel):
    """``augury data split --json``. The records of the sides are those that were read."""

    read: ReadCounts
    queries: int = 0
    groups: int = Field(default=0, description="sets of queries that had to stay together")
    near_duplicates: int = Field(default=0, description="queries that are much like an earlier one")
    sides: dict[str, int] = Field(default_factory=dict, description="records by side")
    files: dict[str, str] = Field(default_factory=dict)


class GenerationReport(BaseModel):
    """``augury generate queries|negatives --json``: ``asked`` is always ``made + dropped + failed``.

    Attributes:
        read: passages or records read.
        skipped: those of which nothing was asked: noise, or records whose text is not usable.
        dropped: answers that were thrown away, by reason.
        failed: what was asked and got no answer of use.
        records: lines written.
    """

    read: int = 0
    skipped: int = 0
    asked: int = 0
    made: int = 0
    failed: int = 0
    dropped: dict[str, int] = Field(default_factory=dict)
    records: int = 0
    unreadable: int = Field(default=0, description="documents or rows that could not be read")
    failures: list[Failure] = Field(default_factory=list)
    llm: LlmUsage | None = None
    seconds: float = 0.0
    output: str = ""
    notes: list[str] = Field(default_factory=list)


class MiningReport(BaseModel):
    """``augury mine --json``: ``queries`` is ``mined + unchanged + failed``, and ``candidates`` is the sum of
    ``negatives``, ``left`` and all of ``dropped``.

    Attributes:
        unchanged: queries that an earlier run had finished.
        without_negatives: mined queries for which no candidate was left.
        left: candidates that could have been negatives and were more than were asked for.
        dropped: candidates that are no negatives, by reason.
    """

    queries: int = 0
    mined: int = 0
    unchanged: int = 0
    failed: int = 0
    without_negatives: int = 0
    candidates: int = 0
    negatives: int = 0
    left: int = 0
    dropped: dict[str, int] = Field(default_factory=dict)
    read: ReadCounts = ReadCounts()
    failures: list[Failure] = Field(default_factory=list)
    seconds: float = 0.0
    output: str = ""
    notes: list[str] = Field(default_factory=list)


class PreferenceReport(BaseModel):
    """``augury generate preferences --json``: ``queries`` is ``pairs + failed`` and all of ``without_pair``.

    Attributes:
        unchanged: queries that an earlier run had finished; they are among the others too.
        without_pair: finished queries that give no pair, by reason.
        samples: expansions asked for, of finished queries.
        unusable: those that came to nothing.
        alike: those that said the same as another of their query.
        plain: mean of the measure over finished queries, searched as they are; 0 without an index.
        expanded: the same with an expansion drawn at random, ``best`` with each query's best, ``worst`` with
            its worst.
        chosen_reward, rejected_reward: means over pairs.
    """

    queries: int = 0
    pairs: int = 0
    unchanged: int = 0
    failed: int = 0
    without_pair: dict[str, int] = Field(default_factory=dict)
    samples: int = 0
    unusable: int = 0
    alike: int = 0
    measure: str = ""
    plain: float = 0.0
    expanded: float = 0.0
    best: float = 0.0
    worst: float = 0.0
    chosen_reward: float = 0.0
    rejected_reward: float = 0.0
    read: ReadCounts = ReadCounts()
    failures: list[Failure] = Field(default_factory=list)
    llm: LlmUsage | None = None
    seconds: float = 0.0
    output: str = ""
    notes: list[str] = Field(default_factory=list)
