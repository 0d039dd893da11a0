"""Documents as the user wrote them, and the passages they are cut into."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def digest(*parts: Any) -> str:
    """``digest("a", 1)``: 32 hex digits over any JSON-able values, the same on every machine.

    Raises ``TypeError`` or ``ValueError`` for what JSON or UTF-8 cannot hold.
    """
    text = json.dumps(parts, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Document(BaseModel):
    """``Document(id="a1", text="...", title="...", metadata={"year": 2020})``.

    ``source`` says where it came from (a file, ``file:line``); it is kept for provenance and is no
    part of the content.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    text: str
    title: str = ""
    metadata: dict[str, Any] = Field(default_factory=dict)
    source: str = ""

    @property
    def content_hash(self) -> str:
        """Covers what the user wrote: title, text and metadata."""
        return digest(self.title, self.text, self.metadata)


class Passage(BaseModel):
    """One chunk of a document: what is encoded, and becomes one point.

    ``chunk`` counts from 0 and ``chunks`` is how many the document has.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    doc_id: str
    chunk: int = Field(ge=0)
    chunks: int = Field(ge=1)
    text: str
    title: str = ""
    metadata: dict[str, Any] = Field(default_factory=dict)
    source: str = ""
    content_hash: str

    @property
    def encoder_text(self) -> str:
        """Title and text, as the encoders read them."""
        return encoder_text(self.title, self.text)


def encoder_text(title: str, text: str) -> str:
    """``encoder_text("Trap seals", "The U-shaped bend ...")``: what the models read of a passage."""
    return f"{title} {text}".strip() if title else text
