"""Negatives that an LLM writes: passages close to the positive that do not answer the query.

What failed leaves nothing behind: a placeholder among the negatives would be learned as if it were one.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...models.llm.ahead import answers_ahead, usage_notes
from ...models.llm.answer import parse_strings
from ...schemas.data_report import GenerationReport
from ...schemas.document import digest
from ...schemas.report import Failure
from ...schemas.training import TrainingPassage, TrainingRecord
from .near_duplicates import near
from .negative_prompt import FIELD, STRATEGIES, Strategy, negative_chat
from .open import TrainingData
from .write import appearing, record_line

if TYPE_CHECKING:
    from ...models.llm.client import LlmClient

SAME = 0.9
"""Jaccard similarity of pieces of five characters from which on a passage is the positive over again."""
_KEPT_FAILURES = 100


class _Wanted(NamedTuple):
    """One passage to ask for; ``last`` is the last one of its record."""

    record: TrainingRecord
    strategy: Strategy
    last: bool


class NegativeWriter:
    """``NegativeWriter(llm, per_record=2).run(data, Path("train.jsonl"))``: the records with more negatives.

    Every record that was read is written, also one for which nothing came. The file appears whole; a run that
    was killed is run again, and the client's cache has every answer that had come.

    Args:
        per_record: passages asked for each record; the strategies take turns, beginning with one that the
            query's text decides.
    """

    def __init__(
        self,
        llm: LlmClient,
        *,
        per_record: int = 2,
        strategies: Sequence[Strategy] = tuple(STRATEGIES),
    ) -> None:
        self._llm = llm
        self._strategies = tuple(dict.fromkeys(strategies))
        self._per_record = min(per_record, len(self._strategies))
        self._dropped: Counter[str] = Counter()
        self.report = GenerationReport()

    def run(
        self, data: TrainingData, output: Path, *, progress: Callable[[int], None] | None = None
    ) -> GenerationReport:
        """Ask, write and count."""
        started = time.perf_counter()
        self._llm.connect()
        made: list[TrainingPassage] = []
        with appearing(output) as lines:
            for wanted, text, error in answers_ahead(self._llm, self._wanted(data), self._ask):
                record = wanted.record
                self.report.asked += 1
                if error is not None:
                    self._failed(Failure(doc_id=record.query_id or None, reason=f"{record.query}: {error}"))
                elif reason := _wrong(text or "", record, made):
                    self._dropped[reason] += 1
                else:
                    made.append(TrainingPassage(text=text or ""))
                    self.report.made += 1
                if wanted.last:
                    more = record.model_copy(update={"negatives": (*record.negatives, *made)})
                    lines.write(record_line(more))
                    self.report.records += 1
                    made = []
                    if progress:
                        progress(data.rows)
        self.report.read = data.records
        self.report.unreadable = data.failed
        self.report.failures += [Failure(reason=reason) for reason in data.failures]
        self.report.dropped = dict(self._dropped)
        self.report.llm = self._llm.usage.model_copy(deep=True)
        self.report.notes += [*data.notes, *usage_notes(self._llm.usage)]
        self.report.seconds = round(time.perf_counter() - started, 3)
        self.report.output = str(output)
        return self.report

    def _wanted(self, data: TrainingData) -> Iterator[_Wanted]:
        for record in data:
            first = int(digest(record.query), 16)
            for number in range(self._per_record):
                strategy = self._strategies[(first + number) % len(self._strategies)]
                yield _Wanted(record, strategy, number == self._per_record - 1)

    async def _ask(self, wanted: _Wanted) -> str:
        chat = negative_chat(wanted.record.query, wanted.record.positives[0].encoder_text, wanted.strategy)
        return (await self._llm.ask(chat, lambda text: parse_strings(text, [FIELD])))[FIELD]

    def _failed(self, failure: Failure) -> None:
        self.report.failed += 1
        if len(self.report.failures) < _KEPT_FAILURES:
            self.report.failures.append(failure)


def _wrong(text: str, record: TrainingRecord, made: Sequence[TrainingPassage]) -> str:
    """Why a passage is of no use, or the empty string."""
    if not any(char.isalpha() for char in text):
        return "empty"
    positives = [part for each in record.positives for part in (each.text, each.encoder_text)]
    if near(text, positives, SAME):
        return "like a positive"
    if near(text, [record.query], SAME):
        return "the query itself"
    if near(text, [each.encoder_text for each in (*record.negatives, *made)], SAME):
        return "like another negative"
    return ""
