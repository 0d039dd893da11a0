"""How large a point is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...schemas.points import Point, SparseVector

_MIB = 2**20


def point_bytes(point: Point) -> int:
    """About how many bytes the point takes in a request."""
    vectors = sum(
        vector.indices.nbytes + vector.values.nbytes if isinstance(vector, SparseVector) else vector.nbytes
        for vector in point.vectors.values()
    )
    return int(vectors) + _payload_bytes(point.payload)


def described(points: Sequence[Point]) -> str:
    """``described(points)`` is ``"256 points of 5.2 MiB"``."""
    size = sum(map(point_bytes, points)) / _MIB
    return f"{len(points):,} point{'s' if len(points) != 1 else ''} of {max(size, 0.1):,.1f} MiB"


def _payload_bytes(value: object) -> int:
    if isinstance(value, str):
        return len(value.encode("utf-8", "replace"))
    if isinstance(value, dict):
        return sum(len(str(key)) + _payload_bytes(item) for key, item in value.items())
    if isinstance(value, list | tuple | np.ndarray):
        return sum(_payload_bytes(item) for item in value)
    return 8
