"""Whose a document is."""

from __future__ import annotations

from ...errors import DocumentError
from ...schemas.document import Document
from ...schemas.profile import METADATA


def tenant_of(document: Document, field: str | None) -> str:
    """``tenant_of(document, "metadata.customer")``: what that field says; without a field, the empty string.

    Raises ``DocumentError`` where a document does not say, as text, whose it is.
    """
    if field is None:
        return ""
    value: object = document.metadata
    for key in field.removeprefix(METADATA).split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, str) and value:
        return value
    said = "does not say whose it is" if value in (None, "") else f"says {value!r:.80}, which is not one text"
    raise DocumentError(
        f"The tenant of document {document.id!r} is unknown: its {field} {said}",
        f"Give each document its tenant as text in {field.removeprefix(METADATA)}",
        doc_id=document.id,
        source=document.source,
    )
