"""The payload of a passage's point, and back."""

from __future__ import annotations

import json
from typing import Any

from ...schemas.document import Passage
from ...schemas.points import Payload
from ...schemas.scenario import Scenario, ScenarioState


def to_payload(
    passage: Passage, fingerprint: str, state: ScenarioState, scenarios: tuple[Scenario, ...]
) -> Payload:
    """What a point stores beside its vectors. ``scenarios`` are in the order of the folded rows."""
    return {
        "doc_id": passage.doc_id,
        "chunk": passage.chunk,
        "chunks": passage.chunks,
        "title": passage.title,
        "text": passage.text,
        "source": passage.source,
        "content_hash": passage.content_hash,
        "fingerprint": fingerprint,
        "scenario_state": state,
        "scenarios": [_without_defaults(scenario) for scenario in scenarios],
        "metadata": json.loads(json.dumps(passage.metadata)),
    }


def _without_defaults(scenario: Scenario) -> dict[str, Any]:
    return scenario.model_dump(mode="json", exclude_defaults=True)
