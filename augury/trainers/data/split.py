"""Training, development and test data that share no query, nor almost the same one.

Queries that are equal or nearly so are one group, and a group goes to one side. Which one follows from the
set of queries and the seed alone, not from the order of the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from ...errors import UsageError
from ...schemas.data_report import SplitReport
from ...schemas.document import digest
from .convert import told
from .near_duplicates import groups, normal
from .open import TrainingData
from .read_counts import read_counts
from .write import appearing, record_line

SIDES = ("train", "dev", "test")
SHARES = (0.8, 0.1, 0.1)
THRESHOLD = 0.8


def split(
    open_data: Callable[[], TrainingData],
    folder: Path,
    *,
    shares: tuple[float, float, float] = SHARES,
    threshold: float = THRESHOLD,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> SplitReport:
    """``split(lambda: open_training_data("all.jsonl"), Path("parts"))`` writes train, dev and test.jsonl.

    Args:
        open_data: opens the file, which is read twice, so that memory holds only its queries.
        shares: of the records, for train, dev and test; they are met as far as the groups allow.
        threshold: Jaccard similarity of character trigrams from which on two queries stay together.
        seed: another one gives another split.
        progress: is told the rows of both readings.

    Raises:
        UsageError: shares that are negative or all 0.
    """
    if min(shares) < 0 or not sum(shares) > 0:
        raise UsageError(f"The shares {shares} cannot be met", "Give three numbers from 0, such as 80/10/10")
    first = open_data()
    sizes: Counter[str] = Counter(normal(record.query) for record in told(first, progress))
    group = groups(sizes, threshold)
    sides = assign(sizes, group, shares, seed)
    report = SplitReport(
        read=read_counts(first),
        queries=len(sizes),
        groups=len(set(group.values())),
        near_duplicates=sum(query != name for query, name in group.items()),
        sides=dict.fromkeys(SIDES, 0),
        files={side: str(folder / f"{side}.jsonl") for side in SIDES},
    )
    seen = first.rows
    with ExitStack() as stack:
        files = {side: stack.enter_context(appearing(Path(path))) for side, path in report.files.items()}
        for record in told(open_data(), progress and (lambda rows: progress(seen + rows))):
            side = sides[group[normal(record.query)]]
            files[side].write(record_line(record))
            report.sides[side] += 1
    return report


def assign(
    sizes: Mapping[str, int], group: Mapping[str, str], shares: tuple[float, float, float], seed: int
) -> dict[str, str]:
    """The side of each group. A group goes where it leaves the fullest side least full, in an order drawn by
    the seed; groups that are larger than the smallest side come first, while there is room.

    Args:
        sizes: how many records each query has.
        group: the group of each query.
    """
    records: Counter[str] = Counter()
    for query, size in sizes.items():
        records[group[query]] += size
    targets = {
        side: share / sum(shares) * records.total()
        for side, share in zip(SIDES, shares, strict=True)
        if share > 0
    }
    smallest = min(targets.values())
    order = sorted(records, key=lambda name: (records[name] <= max(smallest, 1), digest(seed, name)))
    filled: Counter[str] = Counter()
    sides: dict[str, str] = {}
    for name in order:
        side = min(targets, key=lambda side: (filled[side] + records[name]) / targets[side])
        filled[side] += records[name]
        sides[name] = side
    return sides
