"""The run: sample for each query, score, and write the pairs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ....errors import AuguryError, EndpointError, StoreUnavailable
from ....models.llm.ahead import answers_ahead, usage_notes
from ....schemas.data_report import PreferenceReport
from ....schemas.report import Failure
from ..write import appearing
from .judged import Judged
from .outcome import MISSING, Outcome, OutcomeFile, count
from .sample import Sampled, Sampler
from .score import Scorer

if TYPE_CHECKING:
    from ....models.llm.client import LlmClient

_KEPT_FAILURES = 100
_AWAY = (StoreUnavailable, EndpointError)


class PreferenceWriter:
    """``PreferenceWriter(llm, sampler, scorer).run(queries, Path("pairs.jsonl"), file)``.

    Every query is sampled while those before it are scored. One that is finished is not asked again by the
    next run; one that failed is. The file of the pairs appears whole.

    Args:
        held: the documents that can be found; None where nothing is searched.
    """

    def __init__(
        self, llm: LlmClient, sampler: Sampler, scorer: Scorer, held: Collection[str] | None = None
    ) -> None:
        self._llm = llm
        self._sampler = sampler
        self._scorer = scorer
        self._held = held
        self.report = PreferenceReport()

    def run(
        self,
        queries: Sequence[Judged],
        output: Path,
        file: OutcomeFile,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> PreferenceReport:
        """Ask, score, write and count."""
        started = time.perf_counter()
        fresh = [each for each in queries if each.key not in file.finished]
        self.report.queries = len(queries)
        self.report.unchanged = done = len(queries) - len(fresh)
        possible = []
        for judged in fresh:
            if self._can_be_found(judged):
                possible.append(judged)
            else:
                file.append(Outcome(key=judged.key, reason=MISSING))
                done += 1
        if possible:
            self._llm.connect()
        for judged, sampled, error in answers_ahead(self._llm, possible, self._sampler.ask):
            if sampled is None:
                assert error is not None
                self._failed(judged, error)
            else:
                self._score(judged, sampled, file)
            done += 1
            if progress:
                progress(done, len(queries))
        finished = [file.finished[each.key] for each in queries if each.key in file.finished]
        with appearing(output) as lines:
            lines.writelines(f"{each.pair.model_dump_json()}\n" for each in finished if each.pair)
        count(self.report, finished)
        self.report.llm = self._llm.usage.model_copy(deep=True)
        self.report.notes += usage_notes(self._llm.usage)
        self.report.seconds = round(time.perf_counter() - started, 3)
        self.report.output = str(output)
        return self.report

    def _can_be_found(self, judged: Judged) -> bool:
        if self._held is None or judged.by_text:
            return True
        return any(grade > 0 and name in self._held for name, grade in judged.grades.items())

    def _score(self, judged: Judged, sampled: Sampled, file: OutcomeFile) -> None:
        try:
            outcome = self._scorer.outcome(judged, sampled)
        except _AWAY:
            raise
        except AuguryError as error:
            self._failed(judged, error)
        else:
            file.append(outcome)

    def _failed(self, judged: Judged, error: AuguryError) -> None:
        self.report.failed += 1
        if len(self.report.failures) < _KEPT_FAILURES:
            name = judged.query_id or judged.query[:80]
            self.report.failures.append(Failure(doc_id=judged.query_id or None, reason=f"{name}: {error}"))
