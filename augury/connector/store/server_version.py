"""Which Qdrant server can do what, and the sentence for one that cannot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...errors import Unsupported
from ...schemas.points import Fusion, Prefetch, SearchRequest

Feature = tuple[tuple[int, int], str]
"""The first version that has it, and what it is called."""
_QUERY: Feature = (1, 10), "universal query API"
_RRF: Feature = (1, 17), "reciprocal rank fusion with k and weights"
_MATCHES: dict[str, Feature] = {
    "phrase": ((1, 15), "phrase match"),
    "text_any": ((1, 16), "match of any word of a text"),
    "substring": ((1, 20), "substring match"),
}


def needed(requests: Sequence[SearchRequest]) -> Feature:
    """The newest feature that the requests use."""
    return max(feature for request in requests for feature in _features(request))


def has(found: str, feature: Feature) -> bool:
    """Whether a server of this version has the feature."""
    return tuple(int(part) for part in found.split(".")[:2] if part.isdigit()) >= feature[0]


def require_version(found: str, feature: Feature, where: str) -> None:
    """Raise ``Unsupported``, with both versions, if the server ``where`` runs one without the feature."""
    least, what = feature
    if not has(found, feature):
        raise Unsupported(
            f"The {where} runs Qdrant {found}, which has no {what}",
            f"Use a Qdrant server of version {least[0]}.{least[1]} or later",
        )


def _features(stage: SearchRequest | Prefetch) -> Iterator[Feature]:
    yield _QUERY
    if isinstance(stage.query, Fusion) and stage.query.kind == "rrf":
        yield _RRF
    yield from _matches(stage.filter)
    for inner in stage.prefetch:
        yield from _features(inner)


def _matches(part: Any) -> Iterator[Feature]:
    if isinstance(part, dict):
        match = part.get("match")
        if isinstance(match, dict):
            yield from (feature for name, feature in _MATCHES.items() if name in match)
        for value in part.values():
            yield from _matches(value)
    elif isinstance(part, list | tuple):
        for each in part:
            yield from _matches(each)
