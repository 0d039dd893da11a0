"""Scenarios from an LLM: one request a passage, each answer kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ...errors import GenerationError
from ...models.llm.ahead import answers_ahead, usage_notes
from ...schemas.document import Document, Passage, digest
from ...schemas.llm import LlmUsage
from ...schemas.profile import GenerationProfile
from ...schemas.scenario import Scenario, ScenarioRecord
from .scenario_prompt import is_noise, parse_analysis, prompt_hash, scenario_chat

if TYPE_CHECKING:
    from ...models.llm.client import LlmClient


class Generated(NamedTuple):
    """A passage and its record; the error instead where there is none."""

    passage: Passage
    record: ScenarioRecord | None
    error: GenerationError | None


class ScenarioGenerator:
    """``ScenarioGenerator(llm, profile.generation)``: a ``ScenarioSource`` that asks an LLM.

    The client is the generator's from then on: ``close`` closes it. A passage whose answer fails has no
    scenarios (None) and is indexed without; the client's cache gives the others back at once next time.

    Args:
        llm: where to ask; it is connected here, so that a wrong address, key or model shows first.

    Raises:
        EndpointError: the server cannot be used.
    """

    def __init__(self, llm: LlmClient, profile: GenerationProfile) -> None:
        self._llm = llm
        self._profile = profile
        self._prompt_hash = prompt_hash(profile)
        self._fingerprint = digest(llm.model, self._prompt_hash)

    @property
    def usage(self) -> LlmUsage:
        """What was asked so far, and what it cost."""
        usage = self._llm.usage
        return usage.model_copy(update={"errors": dict(usage.errors)})

    def fingerprint(self, document: Document) -> str:
        """The same for all documents: model, prompt and sampling. Their text is in the content hash."""
        return self._fingerprint

    def scenarios(self, passages: Sequence[Passage]) -> list[list[Scenario] | None]:
        """One answer a passage, asked for side by side; None where it failed."""
        return [
            list(generated.record.scenarios()) if generated.record else None
            for generated in self.generate(passages)
        ]

    def generate(self, passages: Iterable[Passage]) -> Iterator[Generated]:
        """One result a passage, in order, as they come; a bounded number is worked on ahead."""
        for passage, record, error in answers_ahead(self._llm, passages, self._record):
            yield Generated(passage, record, error)

    def notes(self) -> list[str]:
        """What a report should say: why answers are missing."""
        return usage_notes(self.usage)

    def close(self) -> None:
        """Close the client; what is being asked is given up."""
        self._llm.close()

    async def _record(self, passage: Passage) -> ScenarioRecord:
        text = passage.encoder_text
        record = ScenarioRecord(
            doc_id=passage.doc_id,
            chunk=passage.chunk,
            text_hash=digest(text),
            explanation=[],
            generator=self._llm.model,
            prompt_hash=self._prompt_hash,
        )
        if is_noise(text):
            return record
        analysis = await self._llm.ask(scenario_chat(text, self._profile), parse_analysis)
        return record.model_copy(
            update={
                "document_analysis": analysis.document_analysis(),
                "explanation": analysis.explanation()[: self._profile.needs],
            }
        )
