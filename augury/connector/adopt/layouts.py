"""Which tool wrote a collection, told by its payloads, and where that tool keeps text, title and ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import SourceError
from ...schemas.payload_layout import PayloadLayout

OWN_KEY = "_augury"
"""The payload key of Augury's bookkeeping in a collection of an app."""
CUSTOM = "custom"
_MOST = 0.9
_HALF = 0.5
_TEXT_KEYS = ("text", "content", "page_content", "document", "body", "chunk", "passage")
_TITLE_KEYS = ("title",)
_NAMED = 8


@dataclass(frozen=True, slots=True)
class KnownLayout:
    """A tool's payloads: the keys that tell them, and where things are."""

    name: str
    marks: frozenset[str]
    text: str
    metadata: str
    doc_id: str = ""
    only: bool = False  # no other key beside the marks


KNOWN = (
    KnownLayout("llama-index", frozenset({"_node_content"}), "_node_content.text", "", "doc_id"),
    KnownLayout("haystack", frozenset({"content", "meta", "id"}), "content", "meta", "id"),
    KnownLayout("langchain", frozenset({"page_content", "metadata"}), "page_content", "metadata"),
    KnownLayout("mcp", frozenset({"document", "metadata"}), "document", "metadata", only=True),
)
"""langchain-qdrant 1, llama-index-vector-stores-qdrant 0.10, qdrant-haystack 13, mcp-server-qdrant 0.8."""


def share(payloads: Sequence[Mapping[str, Any]], layout: PayloadLayout) -> float:
    """The share of the payloads that have text."""
    having = sum(bool(layout.text_of(payload).strip()) for payload in payloads)
    return having / len(payloads) if payloads else 0.0


def proposed(
    payloads: Sequence[Mapping[str, Any]],
    fields: Mapping[str, float],
    where: str,
    *,
    text: str | None = None,
    title: str | None = None,
    doc_id: str | None = None,
    metadata: str | None = None,
) -> tuple[str, PayloadLayout]:
    """``proposed(payloads, fields, "kb")``: the tool's name and the layout; what is given counts before it.

    Raises ``SourceError`` where no point has text, or where nothing tells which field it is.
    """
    known = next((layout for layout in KNOWN if _is(layout, payloads)), None)
    if known is None:
        chosen = text or _custom_text(payloads, where)
        inner = "metadata" if fields.get("metadata", 0) >= _HALF and _nested("metadata", fields) else ""
        known = KnownLayout(CUSTOM, frozenset(), chosen, inner)
    text = text or known.text
    metadata = known.metadata if metadata is None else metadata
    if title is None:
        places = [f"{metadata}.{key}" if metadata else key for key in _TITLE_KEYS] + list(_TITLE_KEYS)
        title = next((place for place in places if fields.get(place, 0) >= _HALF), "")
    layout = PayloadLayout(
        text=text,
        title=title,
        doc_id=known.doc_id if doc_id is None else doc_id,
        source="",
        metadata=metadata,
        own=OWN_KEY,
    )
    if share(payloads, layout) == 0:
        raise SourceError(f"No point of {where} has text under {text!r}", _advice(payloads))
    return known.name, layout


def field_shares(payloads: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Of each payload field, the share of the payloads that have it; two levels deep."""
    counts: dict[str, int] = {}
    for payload in payloads:
        for key, value in payload.items():
            if key == OWN_KEY:
                continue
            inner = value if isinstance(value, Mapping) else {}
            for path in (key, *(f"{key}.{name}" for name in inner)):
                counts[path] = counts.get(path, 0) + 1
    return {path: count / len(payloads) for path, count in sorted(counts.items())}


def _is(layout: KnownLayout, payloads: Sequence[Mapping[str, Any]]) -> bool:
    def fits(payload: Mapping[str, Any]) -> bool:
        keys = payload.keys() - {OWN_KEY}
        return keys == layout.marks if layout.only else keys >= layout.marks

    return bool(payloads) and sum(map(fits, payloads)) >= _MOST * len(payloads)


def _nested(key: str, fields: Mapping[str, float]) -> bool:
    return any(field.startswith(f"{key}.") for field in fields)


def _custom_text(payloads: Sequence[Mapping[str, Any]], where: str) -> str:
    found = [key for key in _TEXT_KEYS if share(payloads, PayloadLayout(text=key)) >= _HALF]
    if len(found) == 1:
        return found[0]
    what = f"{' and '.join(found)} hold text" if found else "no usual field holds text"
    raise SourceError(f"Which field of {where} is the text cannot be told, because {what}", _advice(payloads))


def _advice(payloads: Sequence[Mapping[str, Any]]) -> str:
    fields = field_shares(payloads)
    shares = {path: share(payloads, PayloadLayout(text=path)) for path in fields}
    best = [path for path, part in sorted(shares.items(), key=lambda pair: -pair[1]) if part > 0][:_NAMED]
    if not best:
        return "Augury needs text in the payload; store it there, then run this again"
    return f"Name it with --text-field; these hold text or numbers: {', '.join(best)}"
