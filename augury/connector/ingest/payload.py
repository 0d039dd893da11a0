"""The payload of a passage's point."""

from __future__ import annotations

import json
from typing import Any

from ...schemas.document import Passage
from ...schemas.payload_layout import PayloadLayout
from ...schemas.points import Payload
from ...schemas.scenario import Scenario, ScenarioState


def to_payload(
    passage: Passage,
    fingerprint: str,
    state: ScenarioState,
    scenarios: tuple[Scenario, ...],
    layout: PayloadLayout,
) -> Payload:
    """What a point stores beside its vectors. ``scenarios`` are in the order of the folded rows.

    In a collection of an app it is the bookkeeping alone, under its key: the rest is there and the app's.
    """
    if layout.own:
        kept = [_without_defaults(scenario) for scenario in scenarios]
        return {layout.own: {"fingerprint": fingerprint, "scenario_state": state, "scenarios": kept}}
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
