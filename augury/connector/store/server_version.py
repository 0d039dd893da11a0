"""Which Qdrant server can do what, and the sentence for one that cannot."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import Unsupported
from ...schemas.points import Fusion, Prefetch, SearchRequest

Feature = tuple[tuple[int, int], str]
"""The first version that has it, and what it is called."""
_QUERY: Feature = (1, 10), "universal query API"
_RRF: Feature = (1, 17), "reciprocal rank fusion with k and weights"


def needed(requests: Sequence[SearchRequest]) -> Feature:
    """The newest feature that the requests use."""
    return _RRF if any(_uses_rrf(request) for request in requests) else _QUERY


def require_version(found: str, feature: Feature, where: str) -> None:
    """Raise ``Unsupported``, with both versions, if the server ``where`` runs one without the feature."""
    least, what = feature
    if tuple(int(part) for part in found.split(".")[:2] if part.isdigit()) < least:
        raise Unsupported(
            f"The {where} runs Qdrant {found}, which has no {what}",
            f"Use a Qdrant server of version {least[0]}.{least[1]} or later",
        )


def _uses_rrf(stage: SearchRequest | Prefetch) -> bool:
    here = isinstance(stage.query, Fusion) and stage.query.kind == "rrf"
    return here or any(_uses_rrf(inner) for inner in stage.prefetch)
