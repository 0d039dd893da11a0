"""What the rest of Augury asks of a model. Any object with these members will do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..schemas.points import FloatArray, SparseVector


class Model(Protocol):
    """What every model tells of itself."""

    @property
    def name(self) -> str:
        """What the Profile calls it."""
        ...

    @property
    def revision(self) -> str:
        """Changes whenever its vectors or scores would."""
        ...


class DenseEncoder(Model, Protocol):
    """Texts to unit vectors. Bring your own by giving ``augury.open`` an object like this."""

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        ...

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        """``(texts, dim)``, each row of length 1."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        """``(texts, dim)``, each row of length 1."""
        ...


class SparseEncoder(Model, Protocol):
    """Texts to term weights."""

    @property
    def idf(self) -> bool:
        """Whether the engine must weigh terms by rarity."""
        ...

    def encode_documents(self, texts: Sequence[str]) -> list[SparseVector]:
        """One vector a text; indices unique and ascending, weights above 0; perhaps empty."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> list[SparseVector]:
        """One vector a text; indices unique and ascending, weights above 0; perhaps empty."""
        ...
