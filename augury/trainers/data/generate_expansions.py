"""Expansions of training queries, as a search would have them: for an encoder that is trained on their mean.

ExpandR: Yao et al. 2025, https://arxiv.org/abs/2502.17057.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ...connector.query.expansion_prompt import expansion_chats, parse_passage
from ...errors import GenerationError
from ...models.llm.ahead import answers_ahead, usage_notes
from ...schemas.data_report import GenerationReport
from ...schemas.expansion import ExpansionProfile
from ...schemas.report import Failure
from ...schemas.training import TrainingRecord
from .open import TrainingData
from .write import appearing, record_line

if TYPE_CHECKING:
    from ...models.llm.client import LlmClient

_KEPT_FAILURES = 100


class ExpansionWriter:
    """``ExpansionWriter(llm, ExpansionProfile(passages=1)).run(data, Path("expanded.jsonl"))``.

    Every record that was read is written, with the passages that came in place of those it had. They are
    those of a search with the same profile: what one has asked, the cache has for the other. The file appears
    whole; a run that was killed is run again.
    """

    def __init__(self, llm: LlmClient, profile: ExpansionProfile | None = None) -> None:
        self._llm = llm
        self._profile = profile or ExpansionProfile()
        self.report = GenerationReport()

    def run(
        self, data: TrainingData, output: Path, *, progress: Callable[[int], None] | None = None
    ) -> GenerationReport:
        """Ask, write and count."""
        started = time.perf_counter()
        report = self.report
        self._llm.connect()
        with appearing(output) as lines:
            for record, found, error in answers_ahead(self._llm, data, self._ask):
                passages, error = found or ([], error)
                report.asked += self._profile.passages
                report.made += len(passages)
                report.failed += self._profile.passages - len(passages)
                if error and len(report.failures) < _KEPT_FAILURES:
                    reason = f"{record.query}: {error}"
                    report.failures.append(Failure(doc_id=record.query_id or None, reason=reason))
                lines.write(record_line(record.model_copy(update={"expansions": tuple(passages)})))
                report.records += 1
                if progress:
                    progress(data.rows)
        report.read = data.records
        report.unreadable = data.failed
        report.failures += [Failure(reason=reason) for reason in data.failures]
        report.llm = self._llm.usage.model_copy(deep=True)
        report.notes += [*data.notes, *usage_notes(self._llm.usage)]
        report.seconds = round(time.perf_counter() - started, 3)
        report.output = str(output)
        return report

    async def _ask(self, record: TrainingRecord) -> tuple[list[str], GenerationError | None]:
        """The passages that came, and why one did not."""
        chats = expansion_chats(record.query, self._profile.sampling, self._profile.passages)
        asked = (self._llm.ask(chat, parse_passage) for chat in chats)
        found = await asyncio.gather(*asked, return_exceptions=True)
        for each in found:
            if isinstance(each, BaseException) and not isinstance(each, GenerationError):
                raise each
        errors = (each for each in found if isinstance(each, GenerationError))
        return [each for each in found if isinstance(each, str)], next(errors, None)
