"""Encoders that hash words: deterministic, instant, and good enough to find a document by its words."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from augury.schemas.points import FloatArray, SparseVector

DIM = 64


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


@lru_cache(maxsize=20_000)
def direction(word: str) -> FloatArray:
    """A word's own direction, the same in every process."""
    return np.random.default_rng(zlib.crc32(word.encode())).normal(size=DIM).astype(np.float32)


class HashingDense:
    """Each word adds a fixed random direction."""

    name, revision, dim = "hashing-dense", "1", DIM

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        rows = np.zeros((len(texts), DIM), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word, count in Counter([*words(text), ""]).items():
                row += count * direction(word)
            row /= np.linalg.norm(row)
        return rows

    encode_queries = encode_documents


class HashingSparse:
    """Each word is a term, weighed by how often it occurs."""

    name, revision, idf = "hashing-sparse", "1", False

    def encode_documents(self, texts: Sequence[str]) -> list[SparseVector]:
        return [self._one(text) for text in texts]

    encode_queries = encode_documents

    def _one(self, text: str) -> SparseVector:
        counts = sorted(Counter(zlib.crc32(word.encode()) % 30_000 for word in words(text)).items())
        return SparseVector(
            np.array([term for term, _ in counts], dtype=np.uint32),
            np.log1p(np.array([count for _, count in counts], dtype=np.float32)),
        )
