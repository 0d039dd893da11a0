"""Where the payload of a point keeps what Augury reads and writes.

Everything that reads a payload asks its index's ``PayloadLayout``, so that a collection with keys of its own
is searched like one that Augury made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

OWN_FIELDS = frozenset({"chunk", "chunks", "content_hash", "fingerprint", "scenario_state", "scenarios"})
"""Augury's bookkeeping."""
_NO_ID = ("", "None")


class PayloadLayout(BaseModel):
    """``PayloadLayout(text="page_content", own="_augury").text_of(payload)``.

    A path leads inward by dots, and through text that holds JSON. An empty one means that there is no such
    field: then a document is called by the id of its point, and the whole payload is its metadata.

    Attributes:
        own: the key that holds Augury's bookkeeping; empty where that lies beside the other fields, as in an
            index that Augury made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = Field(default="text", min_length=1)
    title: str = "title"
    doc_id: str = "doc_id"
    source: str = "source"
    metadata: str = "metadata"
    own: str = ""

    def text_of(self, payload: Mapping[str, Any]) -> str:
        """The text; empty where there is none."""
        return _text(at(payload, self.text))

    def title_of(self, payload: Mapping[str, Any]) -> str:
        """The title; empty where there is none."""
        return _text(at(payload, self.title))

    def source_of(self, payload: Mapping[str, Any]) -> str:
        """Where it came from; empty where that is not known."""
        return _text(at(payload, self.source))

    def doc_id_of(self, payload: Mapping[str, Any], point_id: str | int) -> str:
        """The id of the document that the point is of: its own, where the payload does not tell."""
        found = _text(at(payload, self.doc_id))
        return str(point_id) if found in _NO_ID else found

    def metadata_of(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The user's metadata."""
        if self.metadata:
            found = at(payload, self.metadata)
            return dict(found) if isinstance(found, Mapping) else {}
        taken = {self.own, *self.keys("text", "title", "doc_id")}
        return {key: value for key, value in payload.items() if key not in taken and not key.startswith("_")}

    def own_of(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Augury's bookkeeping; empty on a point that it has not seen."""
        found = payload.get(self.own, {}) if self.own else payload
        return found if isinstance(found, Mapping) else {}

    def keys(self, *parts: str) -> tuple[str, ...]:
        """``keys("text", "title")``: the payload keys that have to be fetched to read these parts."""
        paths = (self.path(part) if part in OWN_FIELDS else getattr(self, part) for part in parts)
        return tuple(dict.fromkeys(path.split(".")[0] for path in paths if path))

    def path(self, field: str) -> str:
        """The path of a field in filters: of one of Augury's, a part, or the user's as ``metadata.year``."""
        if field in OWN_FIELDS:
            return f"{self.own}.{field}" if self.own else field
        if field in ("text", "title", "doc_id", "source"):
            return str(getattr(self, field)) or field
        if field.startswith("metadata."):
            inner = field.removeprefix("metadata.")
            return f"{self.metadata}.{inner}" if self.metadata else inner
        return field


def at(payload: Any, path: str) -> Any:
    """What the path leads to, or None."""
    if not path:
        return None
    for key in path.split("."):
        if isinstance(payload, str):
            try:
                payload = json.loads(payload)
            except (ValueError, RecursionError):
                return None
        if not isinstance(payload, Mapping):
            return None
        payload = payload.get(key)
    return payload


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
