"""A process that re-indexes, for the tests that kill it: ``python reindex_child.py INDEX ALIAS MOMENT``.

It kills itself at a moment: ``copying`` after the first passages are written, ``closed`` before the swap,
``swapped`` right after it; at any other it is for its parent to kill.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence

import augury
from augury.connector.reindex import generations
from augury.connector.store.base import Store
from augury.schemas.points import SparseVector
from augury.schemas.reindex import ReindexReport
from tests.hashing import HashingDense, HashingSparse


class OtherSparse(HashingSparse):
    """Another model; slow, so that a kill finds it at work."""

    name = "other-sparse"

    def encode_documents(self, texts: Sequence[str]) -> list[SparseVector]:
        time.sleep(0.002 * len(texts))
        return super().encode_documents(texts)


def opened(where: str) -> augury.Index:
    """The index with the models of whichever generation is current."""
    index = augury.open(where, create=False, dense=HashingDense())
    assert index.profile.sparse is not None
    other = index.profile.sparse.model == "other-sparse"
    index.models._sparse = OtherSparse() if other else HashingSparse()
    return index


def reindex(where: str, alias: str, moment: str = "") -> ReindexReport:
    """Give the index another sparse model."""
    swap = generations.swap

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def swap_or_die(source: Store, target: Store) -> None:
        if moment == "closed":
            die()
        swap(source, target)
        if moment == "swapped":
            die()

    def told(report: augury.IngestReport) -> None:
        if moment == "copying" and report.passages.written:
            die()

    with opened(where) as index:
        generations.swap = swap_or_die
        try:
            return augury.reindex(index, sparse=OtherSparse(), alias=alias, progress=told)
        finally:
            generations.swap = swap


if __name__ == "__main__":
    print(reindex(*sys.argv[1:]).model_dump_json())
