"""What a training file holds, and what may be wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import blake2b

from ...schemas.data_report import Spread, StatsReport
from ...schemas.training import TrainingPassage, TrainingRecord
from .convert import told
from .near_duplicates import normal
from .open import TrainingData
from .read_counts import read_counts


def stats(data: TrainingData, *, progress: Callable[[int], None] | None = None) -> StatsReport:
    """``stats(open_training_data("train.jsonl"))``; memory holds a number for each query and
    judgement, not the texts."""
    queries: set[int] = set()
    records: set[int] = set()
    judged: tuple[set[int], set[int]] = (set(), set())
    counts: dict[str, Counter[float]] = {
        name: Counter() for name in ("positives", "negatives", "query", "positive", "negative", "+", "-")
    }
    report = StatsReport(read=read_counts(data))
    for record in told(data, progress):
        query = normal(record.query)
        report.repeated_queries += _known(queries, _hash(query))
        report.duplicate_records += _known(records, _hash(record.model_dump_json(exclude={"query_id"})))
        report.without_negatives += not record.negatives
        report.doubtful_negatives += doubtful(record)
        counts["positives"][len(record.positives)] += 1
        counts["negatives"][len(record.negatives)] += 1
        counts["query"][len(record.query.split())] += 1
        _count(record.positives, query, judged[0], counts["positive"], counts["+"])
        _count(record.negatives, query, judged[1], counts["negative"], counts["-"])
    report.read = read_counts(data)
    report.queries = len(queries)
    report.contradictions = len(judged[0] & judged[1])
    report.positives, report.negatives = spread(counts["positives"]), spread(counts["negatives"])
    report.words = {
        "queries": spread(counts["query"]),
        "positives": spread(counts["positive"]),
        "negatives": spread(counts["negative"]),
    }
    report.scores = {"positives": spread(counts["+"]), "negatives": spread(counts["-"])}
    return report


def doubtful(record: TrainingRecord) -> int:
    """Negatives that the teacher puts at or above a positive of the same record."""
    scores = [each.score for each in record.positives if each.score is not None]
    lowest = min(scores, default=None)
    if lowest is None:
        return 0
    return sum(each.score is not None and each.score >= lowest for each in record.negatives)


def spread(counts: Counter[float]) -> Spread:
    """Of numbers with how often each occurs."""
    total = counts.total()
    if not total:
        return Spread()
    ordered = sorted(counts)
    return Spread(
        count=total,
        mean=sum(value * count for value, count in counts.items()) / total,
        p50=_quantile(counts, ordered, total, 0.5),
        p95=_quantile(counts, ordered, total, 0.95),
        min=ordered[0],
        max=ordered[-1],
    )


def _quantile(counts: Counter[float], ordered: list[float], total: int, share: float) -> float:
    """The smallest number that at least this share of all numbers does not exceed."""
    reached = 0
    for value in ordered:
        reached += counts[value]
        if reached >= share * total:
            return value
    return ordered[-1]


def _count(
    passages: Iterable[TrainingPassage],
    query: str,
    judged: set[int],
    words: Counter[float],
    scores: Counter[float],
) -> None:
    for passage in passages:
        text = passage.encoder_text
        judged.add(_hash(query, normal(text)))
        words[len(text.split())] += 1
        if passage.score is not None:
            scores[passage.score] += 1


def _known(seen: set[int], value: int) -> bool:
    known = value in seen
    seen.add(value)
    return known


def _hash(*parts: str) -> int:
    return int.from_bytes(blake2b("\0".join(parts).encode(), digest_size=8).digest(), "big")
