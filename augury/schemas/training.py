"""Training data: a query with what answers it and what does not, for every trainer."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from .document import encoder_text


class TrainingPassage(BaseModel):
    """``TrainingPassage(text="...", doc_id="4983")``. ``score`` is a teacher's, on any scale."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    title: str = ""
    doc_id: str = ""
    score: float | None = None

    @property
    def encoder_text(self) -> str:
        """Title and text, as the encoders read them."""
        return encoder_text(self.title, self.text)


class TrainingRecord(BaseModel):
    """``TrainingRecord(query="...", positives=(...,), negatives=(...,))``: one line of a training file.

    Without ``negatives``, those of the other queries of a batch are the only ones. ``expansions`` are
    passages that an LLM wrote in answer to the query, as search expands it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str
    query_id: str = ""
    positives: tuple[TrainingPassage, ...] = Field(min_length=1)
    negatives: tuple[TrainingPassage, ...] = ()
    expansions: tuple[str, ...] = ()
