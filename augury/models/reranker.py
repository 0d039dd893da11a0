"""What the query stage asks of a reranker. Any object with these members will do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..schemas.points import FloatArray
from .encoder import Model


class VectorReranker(Model, Protocol):
    """Scores stored vectors, as a Hypencoder does with the q-net it makes of each query."""

    @property
    def dim(self) -> int:
        """Numbers of the vectors that it reads."""
        ...

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        """``(texts, dim)``: the vectors to store."""
        ...

    def score(self, queries: Sequence[str], candidates: Sequence[FloatArray]) -> list[FloatArray]:
        """For each query the scores of its own candidates, ``(candidates, dim)`` to ``(candidates,)``."""
        ...


class TextReranker(Model, Protocol):
    """Scores texts, as a cross-encoder does."""

    def score(self, queries: Sequence[str], candidates: Sequence[Sequence[str]]) -> list[FloatArray]:
        """For each query the scores of its own candidates, texts to ``(candidates,)``."""
        ...
