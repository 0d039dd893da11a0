"""Passages and their scenarios become points: encode, drop what is not grounded, fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...errors import AuguryError, DocumentError, ModelOutputError
from ...models.encoder import DenseEncoder, SparseEncoder
from ...models.reranker import VectorReranker
from ...schemas.points import FloatArray, Point, Vector
from ...schemas.profile import Profile
from ...schemas.scenario import Scenario
from ..fold import fold
from .payload import to_payload
from .tally import Tally
from .work import Window, Work

Encoded = list[tuple[Work, Point]]


class Encode:
    """``Encode(dense, sparse, hypencoder, profile, tally)(window)`` gives each passage its point.

    A passage whose vectors come out unusable fails its document; the rest of the window goes on. An encoder
    may be None where every passage has the vector that it would make.
    """

    def __init__(
        self,
        dense: DenseEncoder | None,
        sparse: SparseEncoder | None,
        hypencoder: VectorReranker | None,
        profile: Profile,
        tally: Tally,
    ) -> None:
        self._dense = dense
        self._sparse = sparse
        self._hypencoder = hypencoder
        self._profile = profile
        self._tally = tally

    def __call__(self, window: Window) -> Encoded:
        usable = [work for work in window if not work.job.failed]
        try:
            made = self._made(usable)
            needs = self._needs(usable)
        except _Failed:
            return self(window)
        return [(work, self._point(work, made[id(work)], needs[id(work)])) for work in usable]

    def _made(self, works: list[Work]) -> dict[int, dict[str, Vector]]:
        """Each passage's vectors but for its rows: those it has, and those that an encoder makes."""
        rows = self._profile.names.scenarios
        encoders: dict[str, Callable[[list[str]], Sequence[Vector]]] = {}
        if dense := self._dense:
            encoders[self._profile.names.dense] = lambda texts: list(dense.encode_documents(texts))
        if self._sparse:
            encoders[self._profile.names.sparse] = self._sparse.encode_documents
        if hypencoder := self._hypencoder:
            encoders[self._profile.names.hypencoder] = lambda texts: list(hypencoder.encode_documents(texts))
        made = {
            id(work): {name: vector for name, vector in work.known.items() if name != rows} for work in works
        }
        for name, encode in encoders.items():
            owners = [work for work in works if name not in work.known]
            texts = [work.passage.encoder_text for work in owners]
            for work, vector in zip(owners, self._encoded(encode, owners, texts), strict=True):
                made[id(work)][name] = vector
        return made

    def _needs(self, works: list[Work]) -> dict[int, FloatArray]:
        """Each passage's scenario vectors, ``(scenarios, dim)``."""
        name, fields = self._profile.names.scenarios, self._profile.scenarios.fields
        asked = [work for work in works if name not in work.known and work.rows is None]
        owners = [work for work in asked for _ in work.scenarios]
        texts = [
            scenario.encoder_text(fields, work.passage.encoder_text)
            for work in asked
            for scenario in work.scenarios
        ]
        rows = iter(self._encoded(self._dense.encode_documents, owners, texts) if self._dense else ())
        found: dict[int, FloatArray] = {}
        for work in works:
            known = work.known.get(name)
            if isinstance(known, np.ndarray):
                found[id(work)] = known
            elif work.rows is not None:
                found[id(work)] = work.rows
            else:
                mine = [next(rows) for _ in work.scenarios]
                found[id(work)] = np.stack(mine) if mine else np.empty((0, 0), dtype=np.float32)
        return found

    def _encoded(
        self, encode: Callable[[list[str]], Any], owners: list[Work], texts: list[str]
    ) -> Sequence[Any]:
        """The vectors of the texts. Where some are unusable, their owners fail and ``_Failed`` is raised."""
        if not texts:
            return []
        try:
            vectors: Sequence[Any] = encode(texts)
            return vectors
        except ModelOutputError as error:
            if not error.positions:
                raise
            for position in error.positions:
                fail(owners[position], error, self._tally)
            raise _Failed from error

    def _point(self, work: Work, made: dict[str, Vector], scenarios: FloatArray) -> Point:
        profile = self._profile
        passage = made[profile.names.dense]
        assert isinstance(passage, np.ndarray)
        if profile.names.scenarios not in work.known and work.rows is None and len(scenarios):
            grounded = np.flatnonzero(scenarios @ passage >= profile.scenarios.floor)
            kept: tuple[Scenario, ...] = tuple(work.scenarios[i] for i in grounded)
            self._tally.scenarios(dropped=len(work.scenarios) - len(kept))
            work.scenarios, scenarios = kept, scenarios[grounded]
        rows = work.rows
        if rows is None:
            rows = fold(passage, scenarios, profile.scenarios.alpha)
        payload = to_payload(work.passage, work.job.fingerprint, work.state, work.scenarios, profile.payload)
        return Point(work.point_id, {**made, profile.names.scenarios: rows}, payload)


class _Failed(Exception):
    """Some passages failed; the others are tried again."""


def fail(work: Work, error: AuguryError, tally: Tally) -> None:
    """Fail a passage's document once; what is not written yet is skipped, and nothing is deleted."""
    if not work.job.failed:
        work.job.failed = True
        document = work.job.document
        reason = f"Document {document.id!r}: {error.what}"
        tally.failed(DocumentError(reason, error.fix, doc_id=document.id, source=document.source), document)
