"""Whether a vector that an app wrote is the one that a dense model makes, tried on a few points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...errors import ModelMismatch
from ...models.encoder import DenseEncoder
from ...schemas.attach import VectorFacts
from ...schemas.document import encoder_text
from ...schemas.payload_layout import PayloadLayout
from ...schemas.points import Record
from ..store.base import Store

_TRIED = 8
_SAME = 0.98
"""The least cosine on average: encoders in half precision stay above, other models far below."""


class AppVector(NamedTuple):
    """A vector of the app's that the dense branch can search.

    Attributes:
        name: of the vector; None where Augury adds one of its own.
        reason: a sentence for the person who reads the plan.
    """

    name: str | None
    reason: str


def app_vector(
    store: Store,
    vectors: Sequence[VectorFacts],
    sample: Sequence[Record],
    layout: PayloadLayout,
    encoder: DenseEncoder,
    wanted: str | None,
) -> AppVector:
    """``app_vector(store, vectors, sample, layout, encoder, None)``: the app's vector that ``encoder`` made.

    Args:
        wanted: the vector's name, where the user says so; it then has to be that.

    Raises ``ModelMismatch`` where ``wanted`` cannot be what the encoder makes.
    """
    dense = [vector for vector in vectors if vector.kind == "dense"]
    if wanted is not None:
        named = next((vector for vector in vectors if vector.name == wanted), None)
        if named is None:
            there = ", ".join(map(str, vectors))
            raise ModelMismatch(f"There is no vector {wanted!r}", f"The collection has {there}")
        if named.kind != "dense" or named.distance != "cosine" or named.size != encoder.dim:
            raise ModelMismatch(
                f"{named} cannot be searched with {encoder.name}, which makes {encoder.dim} numbers compared "
                "by cosine",
                "Name the model that made it with --dense, or leave --dense-vector out to add another vector",
            )
        dense = [named]
    for vector in dense:
        if vector.size != encoder.dim or vector.distance != "cosine":
            continue
        likeness = _likeness(store, vector.name, sample, layout, encoder)
        if likeness is not None and likeness >= _SAME:
            return AppVector(
                vector.name, f"{vector} is what {encoder.name} makes (cosine {likeness:.3f}): it is searched"
            )
        if wanted is not None:
            found = "no point has it" if likeness is None else f"their cosine is {likeness:.2f}"
            raise ModelMismatch(
                f"{vector} was not made by {encoder.name}: {found}",
                "Name the model that made it with --dense, or leave --dense-vector out to add another vector",
            )
    return AppVector(None, f"no vector there is what {encoder.name} makes, so one of it is added")


def _likeness(
    store: Store, name: str, sample: Sequence[Record], layout: PayloadLayout, encoder: DenseEncoder
) -> float | None:
    """The mean cosine of stored and made vectors; of the text with its title or without, the better one."""
    having = [record for record in sample if layout.text_of(record.payload).strip()][:_TRIED]
    stored = store.vectors([record.id for record in having], (name,), payload=False)
    pairs = [
        (record, vector)
        for record in having
        if record.id in stored and isinstance(vector := stored[record.id].vectors.get(name), np.ndarray)
    ]
    if not pairs:
        return None
    rows = np.stack([vector / max(float(np.linalg.norm(vector)), 1e-9) for _, vector in pairs])
    texts = [layout.text_of(record.payload) for record, _ in pairs]
    titled = [
        encoder_text(layout.title_of(record.payload), text)
        for (record, _), text in zip(pairs, texts, strict=True)
    ]
    made = [encoder.encode_documents(given) for given in (texts, titled)]
    return max(float(np.mean(np.sum(rows * given, axis=1))) for given in made)
