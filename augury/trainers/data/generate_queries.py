"""Queries that an LLM writes for passages: training data where there are no users yet.

Bonifacio et al. 2022 (InPars), https://arxiv.org/abs/2202.05144, and Dai et al. 2022 (Promptagator),
https://arxiv.org/abs/2209.11755; here with several kinds of query, so that a model meets more than questions.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...connector.ingest.scenario_prompt import is_noise
from ...errors import DocumentError
from ...models.llm.ahead import answers_ahead, usage_notes
from ...models.llm.answer import parse_strings
from ...schemas.data_report import GenerationReport
from ...schemas.document import Passage
from ...schemas.report import Failure
from ...schemas.training import TrainingPassage, TrainingRecord
from .near_duplicates import QUERY_SHINGLE, near, normal
from .query_prompt import KINDS, QueryKind, example_queries, query_chat
from .write import appearing, record_line

if TYPE_CHECKING:
    from ...models.llm.client import LlmClient

SAME = 0.8
"""Jaccard similarity of character trigrams from which on two queries of a passage are one."""
_KEPT_FAILURES = 100


class QueryWriter:
    """``QueryWriter(llm).run(passages, Path("queries.jsonl"))``: a record for each query.

    A record's id is ``DOCUMENT#CHUNK/KIND`` and its positive the passage. The file appears whole; a run that
    was killed is run again, and the client's cache has every answer that had come.

    Args:
        llm: connected by the first request.
        kinds: which queries to ask for.
    """

    def __init__(self, llm: LlmClient, kinds: Sequence[QueryKind] = tuple(KINDS)) -> None:
        self._llm = llm
        self._kinds = tuple(dict.fromkeys(kinds))
        self._dropped: Counter[str] = Counter()
        self.report = GenerationReport()

    def run(
        self,
        passages: Iterable[Passage | DocumentError],
        output: Path,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> GenerationReport:
        """Ask, write and count. Errors among the passages are counted as unreadable."""
        started = time.perf_counter()
        self._llm.connect()
        with appearing(output) as lines:
            for passage, found, error in answers_ahead(self._llm, self._usable(passages), self._ask):
                self.report.asked += len(self._kinds)
                if error is not None:
                    self.report.failed += len(self._kinds)
                    self._failed(Failure(doc_id=passage.doc_id, source=passage.source, reason=str(error)))
                for record in self._records(passage, found or {}):
                    lines.write(record_line(record))
                    self.report.made += 1
                if progress:
                    progress(self.report.read)
        self.report.records = self.report.made
        self.report.dropped = dict(self._dropped)
        self.report.llm = self._llm.usage.model_copy(deep=True)
        self.report.notes += usage_notes(self._llm.usage)
        self.report.seconds = round(time.perf_counter() - started, 3)
        self.report.output = str(output)
        return self.report

    def _usable(self, passages: Iterable[Passage | DocumentError]) -> Iterator[Passage]:
        for passage in passages:
            if isinstance(passage, DocumentError):
                self.report.unreadable += 1
                self._failed(Failure(doc_id=passage.doc_id, source=passage.source, reason=str(passage)))
                continue
            self.report.read += 1
            if is_noise(passage.encoder_text):
                self.report.skipped += 1
            else:
                yield passage

    async def _ask(self, passage: Passage) -> dict[str, str]:
        chat = query_chat(passage.encoder_text, self._kinds)
        return await self._llm.ask(chat, lambda text: parse_strings(text, self._kinds))

    def _records(self, passage: Passage, found: dict[str, str]) -> Iterator[TrainingRecord]:
        positive = TrainingPassage(text=passage.text, title=passage.title, doc_id=passage.doc_id)
        kept: list[str] = []
        for kind, query in found.items():
            reason = self._wrong(query, passage, kept)
            if reason:
                self._dropped[reason] += 1
                continue
            kept.append(query)
            name = f"{passage.doc_id}#{passage.chunk}/{kind}"
            yield TrainingRecord(query=query, query_id=name, positives=(positive,))

    def _wrong(self, query: str, passage: Passage, kept: Sequence[str]) -> str:
        """Why a query is of no use, or the empty string."""
        if not any(char.isalpha() for char in query):
            return "empty"
        if near(query, kept, SAME, QUERY_SHINGLE):
            return "like another query of the passage"
        if near(query, example_queries(), SAME, QUERY_SHINGLE):
            return "copied from the prompt"
        if normal(query) in (normal(passage.title), normal(passage.text), normal(passage.encoder_text)):
            return "the passage itself"
        return ""

    def _failed(self, failure: Failure) -> None:
        if len(self.report.failures) < _KEPT_FAILURES:
            self.report.failures.append(failure)
