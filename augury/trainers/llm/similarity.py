"""How near a model's scenarios are to a teacher's: ``nearness(theirs, ours, encoder)``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...models.encoder import DenseEncoder
from ...schemas.profile import ScenarioProfile
from ...schemas.scenario import Scenario

FIELDS = ScenarioProfile().fields


def nearness(
    theirs: Sequence[Sequence[Scenario]], ours: Sequence[Sequence[Scenario]], encoder: DenseEncoder
) -> list[float]:
    """For each document the mean, over the teacher's scenarios, of the cosine to the nearest of ours.

    0 where we have none. Scenarios are compared as they are indexed, by the fields of the default profile.
    """
    return [_nearness(a, b, encoder) for a, b in zip(theirs, ours, strict=True)]


def _nearness(theirs: Sequence[Scenario], ours: Sequence[Scenario], encoder: DenseEncoder) -> float:
    if not theirs or not ours:
        return 0.0
    a, b = (
        encoder.encode_documents([scenario.encoder_text(FIELDS, "") for scenario in each])
        for each in (theirs, ours)
    )  # (scenarios, dim), of length 1
    return float(np.mean((a @ b.T).max(axis=1)))
