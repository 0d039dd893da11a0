"""Texts that are almost the same: MinHash finds candidates, the real Jaccard similarity decides.

Broder 1997, On the resemblance and containment of documents; the banding is that of Leskovec, Rajaraman and
Ullman, Mining of Massive Datasets, chapter 3 (http://www.mmds.org).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from datasketch import MinHash, MinHashLSH

QUERY_SHINGLE = 3
PASSAGE_SHINGLE = 5

_BANDS, _ROWS = 32, 4
"""Two texts of similarity s become candidates with probability 1 - (1 - s^4)^32: more than .9999999 at .8."""
_SEED = 1

Shingles = frozenset[str]


def normal(text: str) -> str:
    """A text without what makes no difference: case, blanks, width and punctuation at its ends."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.split()).strip(" .,;:!?\"'")


def shingles(text: str, size: int) -> Shingles:
    """The pieces of ``size`` characters of the normal text; a shorter text is one piece."""
    plain = normal(text)
    return frozenset(plain[start : start + size] for start in range(max(1, len(plain) - size + 1)))


def jaccard(a: Shingles, b: Shingles) -> float:
    """Size of the intersection by size of the union."""
    union = len(a | b)
    return len(a & b) / union if union else 1.0


def near(text: str, others: Iterable[str], threshold: float, size: int = PASSAGE_SHINGLE) -> bool:
    """Whether a text is at least that similar to one of the others."""
    mine = shingles(text, size)
    return any(jaccard(mine, shingles(other, size)) >= threshold for other in others)


def groups(texts: Iterable[str], threshold: float, size: int = QUERY_SHINGLE) -> dict[str, str]:
    """``groups(["Reset a phone", "reset a phone?", "bake bread"], 0.8)``: each text's group.

    A group is named after its first text in the alphabet. Texts whose similarity is at least ``threshold``
    are in one group, and so are those that a chain of such pairs joins; their order changes nothing.

    Args:
        texts: normal ones, each once.
    """
    lsh = MinHashLSH(num_perm=_BANDS * _ROWS, params=(_BANDS, _ROWS))
    blank = MinHash(num_perm=_BANDS * _ROWS, seed=_SEED)
    root: dict[str, str] = {}

    def find(text: str) -> str:
        while root[text] != text:
            root[text] = root[root[text]]
            text = root[text]
        return text

    for text in texts:
        mine = shingles(text, size)
        sketch = blank.copy()  # a new one would draw its permutations again
        sketch.update_batch([piece.encode() for piece in mine])
        root[text] = text
        for other in lsh.query(sketch):
            a, b = find(text), find(other)
            if a != b and jaccard(mine, shingles(other, size)) >= threshold:
                root[max(a, b)] = min(a, b)
        lsh.insert(text, sketch)
    return {text: find(text) for text in root}
