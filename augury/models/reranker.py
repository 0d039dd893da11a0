"""What the query stage asks of a reranker. Any object with these members will do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..schemas.points import FloatArray


class VectorReranker(Protocol):
    """Queries against vectors that were stored beforehand: one forward pass per query, not per candidate."""

    @property
    def name(self) -> str:
        """What the Profile calls it."""
        ...

    @property
    def revision(self) -> str:
        """Changes whenever its vectors would."""
        ...

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        ...

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        """``(texts, dim)``: what is stored; rows of any length."""
        ...

    def score(self, queries: Sequence[str], candidates: Sequence[FloatArray]) -> list[FloatArray]:
        """For each query the scores ``(n,)`` of its own candidates ``(n, dim)``, in their order."""
        ...


class TextReranker(Protocol):
    """Queries against texts: one forward pass per candidate."""

    @property
    def name(self) -> str:
        """What the Profile calls it."""
        ...

    @property
    def revision(self) -> str:
        """Changes whenever its scores would."""
        ...

    def score(self, queries: Sequence[str], candidates: Sequence[Sequence[str]]) -> list[FloatArray]:
        """For each query the scores ``(n,)`` of its own ``n`` texts, in their order."""
        ...
