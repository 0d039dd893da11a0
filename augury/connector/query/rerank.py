"""Scoring the best candidates again: what a reranker reads, and how its scores are blended."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...schemas.document import encoder_text
from ...schemas.hit import Place
from ...schemas.payload_layout import PayloadLayout
from ...schemas.points import FloatArray, PointId, Record
from .fuse import Ranked, ordered, unit_scaled


def vectors_of(records: Mapping[PointId, Record], name: str) -> dict[PointId, FloatArray]:
    """The named vector of each record that has it."""
    return {
        point: vector
        for point, record in records.items()
        if isinstance(vector := record.vectors.get(name), np.ndarray)
    }


def texts_of(records: Mapping[PointId, Record], layout: PayloadLayout) -> dict[PointId, str]:
    """Title and text of each record, as the encoders read them."""
    return {
        point: encoder_text(layout.title_of(record.payload), layout.text_of(record.payload))
        for point, record in records.items()
    }


def blended(
    ranked: Ranked, scores: Mapping[PointId, float], weight: float
) -> tuple[Ranked, dict[PointId, Place]]:
    """The ranking with the passages that have a new score in front, and their places by it alone.

    The blend is ``weight`` * new + (1 - ``weight``) * old, each scaled to 0 to 1 over the passages that
    were scored again. The others follow in their old order, with what the old scale makes of their score:
    never above 0.
    """
    head = [(point, score) for point, score in ranked if point in scores]
    old = np.array([score for _, score in head])
    new = np.array([scores[point] for point, _ in head])
    blend = weight * np.array(unit_scaled(new.tolist())) + (1 - weight) * np.array(unit_scaled(old.tolist()))
    front = ordered({point: float(score) for (point, _), score in zip(head, blend, strict=True)})
    low, spread = float(old.min()), float(old.max() - old.min())
    tail = [
        (point, min(0.0, (score - low) / spread) if spread > 0 else 0.0)
        for point, score in ranked
        if point not in scores
    ]
    places = {
        point: Place(rank=rank, score=score) for rank, (point, score) in enumerate(ordered(scores), start=1)
    }
    return front + tail, places
