"""Models whose numbers are binary fractions: every engine gets the same score to the last bit, so that ties
are real ties and a ranking can be compared exactly."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from augury.schemas.document import Document, Passage
from augury.schemas.points import FloatArray, SparseVector
from augury.schemas.scenario import Scenario

DIM = 64  # a vector of 64 entries of plus or minus 1/8 has length 1


def signs(text: str, dim: int = DIM) -> FloatArray:
    """A unit vector of entries plus or minus 1/8, drawn from the text's first word."""
    word = (re.findall(r"\w+", text) or [""])[0]
    return np.random.default_rng(zlib.crc32(word.encode())).choice([-0.125, 0.125], dim).astype(np.float32)


class ExactDense:
    """Texts that begin with the same word have the same vector."""

    name, revision, dim = "exact-dense", "1", DIM

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        return np.stack([signs(text) for text in texts]) if texts else np.empty((0, DIM), np.float32)

    encode_queries = encode_documents


class ExactSparse:
    """A word is a term, its weight how often it occurs."""

    name, revision, idf = "exact-sparse", "1", False

    def encode_documents(self, texts: Sequence[str]) -> list[SparseVector]:
        found = []
        for text in texts:
            counts = Counter(zlib.crc32(word.encode()) % 1000 for word in re.findall(r"\w+", text))
            terms = sorted(counts.items())
            found.append(
                SparseVector(
                    np.array([term for term, _ in terms], dtype=np.uint32),
                    np.array([count for _, count in terms], dtype=np.float32),
                )
            )
        return found

    encode_queries = encode_documents


class ScenarioList:
    """Needs by document id, as a scenario source."""

    def __init__(self, needs: Mapping[str, Sequence[str]]) -> None:
        self._needs = needs

    def fingerprint(self, document: Document) -> str:
        return "list"

    def scenarios(self, passages: Sequence[Passage]) -> list[list[Scenario] | None]:
        return [[Scenario(need=need) for need in self._needs.get(each.doc_id, ())] for each in passages]

    def notes(self) -> list[str]:
        return []

    def close(self) -> None:
        """Holds nothing."""


class ExactReranker:
    """A q-net that is one dot product: the query's signs with the passage's last word's."""

    name, revision, dim = "exact-reranker", "1", 32

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        return np.stack([signs(text.split()[-1], self.dim) for text in texts])

    def score(self, queries: Sequence[str], candidates: Sequence[FloatArray]) -> list[FloatArray]:
        return [
            np.asarray(rows @ signs(query, self.dim), dtype=np.float32)
            for query, rows in zip(queries, candidates, strict=True)
        ]


class ExactCrossEncoder:
    """Scores a text by the words it shares with the query."""

    name, revision = "exact-cross-encoder", "1"

    def score(self, queries: Sequence[str], candidates: Sequence[Sequence[str]]) -> list[FloatArray]:
        return [
            np.array([len(set(query.split()) & set(text.split())) for text in texts], dtype=np.float32)
            for query, texts in zip(queries, candidates, strict=True)
        ]
