"""Hard negatives for the queries of a training file or of judgements."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from ....errors import AuguryError, SourceError
from ....schemas.data_report import MiningReport
from ....schemas.report import Failure
from ....schemas.training import TrainingPassage, TrainingRecord
from .asked import Asked, KnownPositives
from .candidate import Candidate, Finder, Found
from .mined_file import MinedFile
from .options import MiningOptions
from .select import select
from .teacher import Teacher

TOGETHER = 64
"""Queries that are searched and scored together, and whose records are written in one go."""
_KEPT_FAILURES = 100


class Miner:
    """``Miner(finder, options, teacher).run(asked, file)`` writes a record a query, as they are finished.

    With a teacher every passage of a record gets its score. A query whose search fails is not written, and is
    tried again by the next run; so is what a run that was killed had not finished.

    Args:
        finder: where candidates come from.
        teacher: None scores nothing.
    """

    def __init__(self, finder: Finder, options: MiningOptions, teacher: Teacher | None = None) -> None:
        self._finder = finder
        self._options = options
        self._teacher = teacher
        self._dropped: Counter[str] = Counter()
        self._missing: set[str] = set()
        self.report = MiningReport()

    def run(
        self,
        asked: Callable[[], Iterable[Asked]],
        file: MinedFile,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> MiningReport:
        """Args:
        asked: gives the queries, each time anew; they are gone through twice.
        progress: is told how many queries are done, and of how many.
        """
        started = time.perf_counter()
        known = KnownPositives(asked())
        remaining = iter(asked())
        while some := list(islice(remaining, TOGETHER)):
            self.report.queries += len(some)
            fresh = list(self._fresh(some, file))
            file.append(self._mined(fresh, known))
            if progress:
                progress(self.report.queries, known.queries)
        self.report.dropped = dict(self._dropped)
        if self._missing:
            named = ", ".join(sorted(self._missing)[:3])
            self.report.notes.append(f"{len(self._missing)} documents are not in the index, such as {named}.")
        self.report.seconds = round(time.perf_counter() - started, 3)
        return self.report

    def _fresh(self, asked: Sequence[Asked], file: MinedFile) -> Iterator[Asked]:
        for each in asked:
            if each.key in file.finished:
                self.report.unchanged += 1
            else:
                file.finished.add(each.key)
                yield each

    def _mined(self, asked: Sequence[Asked], known: KnownPositives) -> list[TrainingRecord]:
        usable: list[tuple[Asked, Found]] = []
        for each, found in zip(asked, self._finder.find(asked) if asked else (), strict=True):
            if isinstance(found, AuguryError):
                self._failed(each, found)
                continue
            self._missing |= set(found.missing)
            if found.positives:
                usable.append((each, found))
            else:
                gone = SourceError("The index has none of its positives", "Ingest them")
                self._failed(each, gone)
        scored = self._scores(usable)
        return [
            self._record(each, found, known, scores)
            for (each, found), scores in zip(usable, scored, strict=True)
        ]

    def _scores(self, usable: Sequence[tuple[Asked, Found]]) -> list[list[float] | None]:
        """The teacher's scores of positives, candidates and old negatives, in this order."""
        if self._teacher is None or not usable:
            return [None] * len(usable)
        passages = [
            [*found.positives, *found.candidates, *(Candidate(old) for old in each.negatives)]
            for each, found in usable
        ]
        scores = self._teacher.score([each.query for each, _ in usable], passages)
        return [own.tolist() for own in scores]

    def _record(
        self, asked: Asked, found: Found, known: KnownPositives, scores: list[float] | None
    ) -> TrainingRecord:
        count, until = len(found.positives), len(found.positives) + len(found.candidates)
        if scores is None:
            first = [each.score for each in found.positives if each.score is not None]
            lowest = min(first) if len(first) == count else None
            chosen = select(asked, found, known, self._options, None, lowest)
        else:
            chosen = select(asked, found, known, self._options, scores[count:until], min(scores[:count]))
        self._dropped += chosen.dropped
        self.report.mined += 1
        self.report.candidates += len(found.candidates)
        self.report.negatives += len(chosen.negatives)
        self.report.left += chosen.left
        self.report.without_negatives += not chosen.negatives
        positives = tuple(each.passage for each in found.positives)
        return TrainingRecord(
            query=asked.query,
            query_id=asked.query_id,
            positives=positives if scores is None else _with(positives, scores[:count]),
            negatives=(
                *(asked.negatives if scores is None else _with(asked.negatives, scores[until:])),
                *chosen.negatives,
            ),
            expansions=asked.expansions,
        )

    def _failed(self, asked: Asked, error: AuguryError) -> None:
        self.report.failed += 1
        if len(self.report.failures) < _KEPT_FAILURES:
            name = asked.query_id or asked.query[:80]
            self.report.failures.append(Failure(doc_id=asked.query_id or None, reason=f"{name}: {error}"))


def _with(passages: Sequence[TrainingPassage], scores: Sequence[float]) -> tuple[TrainingPassage, ...]:
    return tuple(
        passage.model_copy(update={"score": score}) for passage, score in zip(passages, scores, strict=True)
    )
