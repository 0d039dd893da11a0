"""Passages and their scenarios become points: encode, drop what is not grounded, fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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

    A passage whose vectors come out unusable fails its document; the rest of the window goes on.
    """

    def __init__(
        self,
        dense: DenseEncoder,
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
        if not usable:
            return []
        texts = [work.passage.encoder_text for work in usable]
        fields = self._profile.scenarios.fields
        needs = [
            (work, scenario.encoder_text(fields, text))
            for work, text in zip(usable, texts, strict=True)
            for scenario in work.scenarios
        ]
        try:
            dense = self._dense.encode_documents([*texts, *(need for _, need in needs)])
            others: dict[str, Sequence[Vector]] = {}
            if self._sparse:
                others[self._profile.names.sparse] = self._sparse.encode_documents(texts)
            if self._hypencoder:
                others[self._profile.names.hypencoder] = list(self._hypencoder.encode_documents(texts))
        except ModelOutputError as error:
            if not error.positions:
                raise
            owners = [*usable, *(work for work, _ in needs)]
            for position in error.positions:
                fail(owners[position], error, self._tally)
            return self(window)
        points: Encoded = []
        start = len(texts)
        for position, work in enumerate(usable):
            end = start + len(work.scenarios)
            vectors = {name: given[position] for name, given in others.items()}
            points.append((work, self._point(work, dense[position], dense[start:end], vectors)))
            start = end
        return points

    def _point(
        self, work: Work, passage: FloatArray, scenarios: FloatArray, others: Mapping[str, Vector]
    ) -> Point:
        profile = self._profile
        grounded = (
            np.flatnonzero(scenarios @ passage >= profile.scenarios.floor)
            if len(scenarios)
            else np.empty(0, dtype=np.intp)
        )
        kept: tuple[Scenario, ...] = tuple(work.scenarios[i] for i in grounded)
        self._tally.scenarios(dropped=len(work.scenarios) - len(kept))
        work.scenarios = kept
        vectors: dict[str, Vector] = {
            profile.names.dense: passage,
            profile.names.scenarios: fold(passage, scenarios[grounded], profile.scenarios.alpha),
            **others,
        }
        return Point(work.point_id, vectors, to_payload(work.passage, work.job.fingerprint, work.state, kept))


def fail(work: Work, error: AuguryError, tally: Tally) -> None:
    """Fail a passage's document once; what is not written yet is skipped, and nothing is deleted."""
    if not work.job.failed:
        work.job.failed = True
        document = work.job.document
        reason = f"Document {document.id!r}: {error.what}"
        tally.failed(DocumentError(reason, error.fix, doc_id=document.id, source=document.source), document)
