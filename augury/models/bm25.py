"""BM25 term weights: ``Bm25Encoder().encode_documents(texts)``; no model, no download.

The tokens are hashed to 32 bits by Qdrant's own embedder. A document gets the term-frequency part of BM25
(Robertson and Zaragoza 2009, https://doi.org/10.1561/1500000019), a query weight 1 per token, and the
engine multiplies by the rarity of each term in the collection (``idf``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import qdrant_edge

from ..errors import UsageError
from ..schemas.points import SparseVector


class Bm25Encoder:
    """``Bm25Encoder(k=1.2, b=0.75, average_length=256, language="english")``.

    Args:
        k: how soon more of the same term stops to count.
        b: how much long documents are held back, 0 to 1.
        average_length: tokens of a usual document.
        language: of the stop words and the stemmer.

    Raises:
        UsageError: the engine refuses one of these.
    """

    name = "bm25"
    idf = True

    def __init__(
        self, *, k: float = 1.2, b: float = 0.75, average_length: float = 256.0, language: str = "english"
    ) -> None:
        self.revision = f"k={k:g},b={b:g},average_length={average_length:g},language={language}"
        config = qdrant_edge.Bm25Config(k=k, b=b, avg_len=average_length, language=language)
        try:
            self._bm25 = qdrant_edge.Bm25(config)
        except ValueError as error:
            raise UsageError(
                f"BM25 cannot use {self.revision}: {error}",
                "Give k of at least 0, b from 0 to 1, an average_length above 0 and a language in English",
            ) from error

    def encode_documents(self, texts: Sequence[str]) -> list[SparseVector]:
        """One vector a text; empty for a text without tokens."""
        return [_merged(self._bm25.embed_document(text)) for text in texts]

    def encode_queries(self, texts: Sequence[str]) -> list[SparseVector]:
        """One vector a text; empty for a text without tokens."""
        return [_merged(self._bm25.embed_query(text)) for text in texts]


def _merged(vector: qdrant_edge.SparseVector) -> SparseVector:
    """Ascending, and tokens whose hashes collide added up: engines refuse an index that comes twice."""
    indices, places = np.unique(np.asarray(vector.indices, np.uint32), return_inverse=True)
    values = np.bincount(places, weights=np.asarray(vector.values, np.float64), minlength=len(indices))
    return SparseVector(indices, values.astype(np.float32))
