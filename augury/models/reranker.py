"""What the query stage asks of a reranker. Any object with these members will do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

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


class MadeQNet(Protocol):
    """The q-net of one query, made once for as many vectors as there are."""

    def score(self, items: FloatArray) -> FloatArray:
        """The scores ``(items,)`` of vectors ``(items, dim)``."""
        ...

    def gradient(self, items: FloatArray) -> FloatArray:
        """``(items, dim)``: where each vector's score rises, and how steeply."""
        ...


@runtime_checkable
class QNetMaker(Protocol):
    """Makes q-nets that can be searched by, as a Hypencoder does."""

    def qnets(self, queries: Sequence[str]) -> Sequence[MadeQNet]:
        """One for each query."""
        ...


class TextReranker(Model, Protocol):
    """Scores texts, as a cross-encoder does."""

    def score(self, queries: Sequence[str], candidates: Sequence[Sequence[str]]) -> list[FloatArray]:
        """For each query the scores of its own candidates, texts to ``(candidates,)``."""
        ...
