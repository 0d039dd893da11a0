"""What the frameworks carry beside a hit's text: ``metadata_of(hit)``."""

from __future__ import annotations

from typing import Any

from ..schemas.hit import Hit

OWN_KEYS = ("doc_id", "title", "source", "chunk", "score", "scenario", "explanation")


def metadata_of(hit: Hit) -> dict[str, Any]:
    """The document's own metadata and ``OWN_KEYS``, which win over fields of the same name; plain JSON.

    ``scenario`` is the need that matched, or None; ``explanation`` is ``Hit.explanation``.
    """
    own = hit.model_dump(mode="json", exclude={"text", "metadata"})
    own["scenario"] = hit.scenario.need if hit.scenario else None
    return {**hit.metadata, **own}
