"""BM25 term weights: ``Bm25Encoder().encode_documents(texts)``; no model, no download.

The tokens are hashed to 32 bits by Qdrant's own embedder. A document gets the term-frequency part of BM25
(Robertson and Zaragoza 2009, https://doi.org/10.1561/1500000019), a query the number of times it has each
token, and the engine multiplies by the rarity of each term in the collection (``idf``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import qdrant_edge

from ..errors import UsageError
from ..schemas.points import SparseVector

_NAME = "bm25"
_NUMBERS = ("k", "b", "average_length")
_UNSATURATED = 1e6
"""A k so large that a term's weight is how often it occurs, to within 1e-4 for a hundred times."""


def is_bm25(name: str) -> bool:
    """Whether a sparse model's name, with or without parameters, is BM25's."""
    return name.partition(":")[0] == _NAME


class Bm25Encoder:
    """``Bm25Encoder(k=1.2, b=0.75, language="english")``.

    Args:
        k: how soon more of the same term stops to count.
        b: how much long documents are held back, 0 to 1.
        average_length: tokens of a usual passage. None stands for 256, the embedder's own default, until
            ``fitted`` measures it, which an ingest does with the first documents of a new index.
        language: of the stop words and the stemmer.

    Raises:
        UsageError: the engine refuses one of these.
    """

    idf = True

    def __init__(
        self,
        *,
        k: float = 1.2,
        b: float = 0.75,
        average_length: float | None = None,
        language: str = "english",
        name: str = _NAME,
    ) -> None:
        length = 256.0 if average_length is None else average_length
        self.name = name
        self.revision = f"k={k:g},b={b:g},average_length={length:g},language={language}"
        self.measures_length = average_length is None
        self._given: dict[str, Any] = {"k": k, "b": b, "language": language, "name": name}
        try:
            self._documents = qdrant_edge.Bm25(
                qdrant_edge.Bm25Config(k=k, b=b, avg_len=length, language=language)
            )
            self._counts = qdrant_edge.Bm25(
                qdrant_edge.Bm25Config(k=_UNSATURATED, b=0.0, avg_len=length, language=language)
            )
        except ValueError as error:
            raise UsageError(
                f"BM25 cannot use {self.revision}: {error}",
                "Give k of at least 0, b from 0 to 1, an average_length above 0 and a language in English",
            ) from error

    @classmethod
    def named(cls, name: str, revision: str = "") -> Self:
        """``Bm25Encoder.named("bm25:k=0.9,b=0.4")``; an index's ``revision`` has its parameters, all of them.

        Raises:
            UsageError: the name holds what is no parameter.
        """
        written = revision or name.partition(":")[2]
        parts = [part.partition("=") for part in written.split(",") if part]
        try:
            given: dict[str, Any] = {
                key.strip(): float(value) if key.strip() in _NUMBERS else value.strip()
                for key, _, value in parts
            }
        except ValueError as error:
            given = {str(error): error}
        if given.keys() - {*_NUMBERS, "language"}:
            raise UsageError(
                f"BM25 cannot read its parameters from {written!r}", "Write them as in bm25:k=0.9,b=0.4"
            )
        return cls(name=name, **given)

    def fitted(self, texts: Sequence[str]) -> Self:
        """The same with the average length of these texts, in tokens; as it is where none has a token."""
        lengths = [float(self._count(text).values.sum()) for text in texts]
        total = sum(lengths)
        if not total:
            return self
        return type(self)(average_length=max(1, round(total / len(lengths))), **self._given)

    def encode_documents(self, texts: Sequence[str]) -> list[SparseVector]:
        """One vector a text; empty for a text without tokens."""
        return [_merged(self._documents.embed_document(text)) for text in texts]

    def encode_queries(self, texts: Sequence[str]) -> list[SparseVector]:
        """One vector a text; empty for a text without tokens."""
        return [self._count(text) for text in texts]

    def _count(self, text: str) -> SparseVector:
        """How often the text has each token. The embedder's own query weights are 1 however often."""
        vector = _merged(self._counts.embed_document(text))
        return SparseVector(vector.indices, np.rint(vector.values))


def _merged(vector: qdrant_edge.SparseVector) -> SparseVector:
    """Ascending, and tokens whose hashes collide added up: engines refuse an index that comes twice."""
    indices, places = np.unique(np.asarray(vector.indices, np.uint32), return_inverse=True)
    values = np.bincount(places, weights=np.asarray(vector.values, np.float64), minlength=len(indices))
    return SparseVector(indices, values.astype(np.float32))
