"""Scenarios: needs that an LLM foresaw a passage would answer.

SPIKE (Lee et al., COLM 2025, https://arxiv.org/abs/2503.23033) makes one scenario of every entry of
``explanation``; topic and key points are repeated in each.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ScenarioField = Literal["need", "document", "topic", "key_points", "explanation"]
ScenarioState = Literal["off", "complete", "missing"]
"""``off``: none were asked for; ``complete``: made, perhaps none kept; ``missing``: asked for, not got."""


class Scenario(BaseModel):
    """``Scenario(need="A user wants to know ...", explanation="...")``.

    ``chunk`` ties it to one chunk; without it the scenario speaks for the whole document and is folded
    into each of its passages. ``generator`` and ``prompt_hash`` say where it came from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    need: str
    explanation: str = ""
    topic: str = ""
    key_points: tuple[str, ...] = ()
    chunk: int | None = None
    generator: str = ""
    prompt_hash: str = ""

    def encoder_text(self, fields: tuple[ScenarioField, ...], document: str) -> str:
        """The chosen fields, a line each, in SPIKE's order; empty ones are left out."""
        parts: dict[ScenarioField, str] = {
            "need": self.need,
            "document": document,
            "topic": self.topic,
            "key_points": "; ".join(self.key_points),
            "explanation": self.explanation,
        }
        return "\n".join(text for name, text in parts.items() if name in fields and text)


class DocumentAnalysis(BaseModel):
    """The ``document_analysis`` part of SPIKE's JSON."""

    main_topic: str = ""
    key_points: list[str] = Field(default_factory=list)


class Explanation(BaseModel):
    """One entry of ``explanation`` in SPIKE's JSON."""

    information_need: str
    explanation: str = ""


class ScenarioRecord(BaseModel):
    """One line of a scenario file: SPIKE's JSON object with the ``doc_id`` it belongs to.

    Optional additions of this project: ``chunk``, ``generator``, ``prompt_hash``, and ``text_hash``, the
    digest of the passage that the scenarios were made from; ``text`` is that passage, for a trainer.
    """

    doc_id: str = Field(coerce_numbers_to_str=True)
    chunk: int | None = None
    document_analysis: DocumentAnalysis = Field(default_factory=DocumentAnalysis)
    information_needs: list[str] = Field(default_factory=list)
    explanation: list[Explanation]
    generator: str = ""
    prompt_hash: str = ""
    text_hash: str = ""
    text: str = ""

    def scenarios(self) -> tuple[Scenario, ...]:
        """One scenario per entry of ``explanation``."""
        return tuple(
            Scenario(
                need=entry.information_need,
                explanation=entry.explanation,
                topic=self.document_analysis.main_topic,
                key_points=tuple(self.document_analysis.key_points),
                chunk=self.chunk,
                generator=self.generator,
                prompt_hash=self.prompt_hash,
            )
            for entry in self.explanation
        )
