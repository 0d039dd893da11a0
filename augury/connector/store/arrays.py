"""Vectors as the engines return them, lists of Python floats, into arrays."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain

import numpy as np

from ...schemas.points import FloatArray


def to_array(found: Sequence[float] | Sequence[Sequence[float]]) -> FloatArray:
    """``to_array([0.1, 0.2])``: ``(dim,)``, or of a list of rows ``(rows, dim)``.

    Four times as fast as numpy's own conversion, which looks at the type of every number; a search that
    reranks converts hundreds of thousands.
    """
    if not found or isinstance(found[0], float | int):
        return _packed(found)  # type: ignore[arg-type]
    return _packed(list(chain.from_iterable(found))).reshape(len(found), -1)  # type: ignore[arg-type]


def _packed(numbers: Sequence[float]) -> FloatArray:
    return np.frombuffer(bytearray(struct.pack(f"={len(numbers)}f", *numbers)), dtype=np.float32)
