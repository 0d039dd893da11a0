"""The gate: a trained model passes only if it finds no less than its base, through the real retrieval path.

Both are put to the same held-out queries, each with an embedded index of the dev documents that ingest wrote
and that search reads. The difference is paired by query, with a bootstrap interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from ..connector.index import open as open_index
from ..connector.query.planner import SearchOptions
from ..evaluation.evaluate import evaluate, mean_of
from ..evaluation.statistics import p_text, paired_p
from ..models.encoder import SparseEncoder
from ..models.sparse import load_sparse
from ..schemas.evaluation import Difference, Evaluation
from ..schemas.points import FloatArray, SparseVector
from ..schemas.profile import (
    ChunkProfile,
    DenseProfile,
    HypencoderProfile,
    Profile,
    Reads,
    RerankProfile,
    SearchProfile,
    SparseProfile,
)
from ..schemas.training_report import ActiveTerms, Gain
from .prepared import Dev

SECOND = "R@100"
"""Reported beside the measure that decides."""
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how far it is, and how far it goes."""


@dataclass(frozen=True)
class Measured:
    """``Measured(evaluation, active)``: what a model is worth; ``active`` is of a sparse one."""

    evaluation: Evaluation
    active: ActiveTerms | None


@dataclass(frozen=True)
class Verdict:
    """``Verdict(accepted, sentence)``."""

    accepted: bool
    sentence: str


@dataclass(frozen=True)
class Judged:
    """``Judged(gains, verdict)``: what base and result came to. ``checks`` is what was seen to hold."""

    gains: dict[str, Gain]
    verdict: Verdict
    active: dict[Literal["before", "after"], ActiveTerms] = field(default_factory=dict)
    checks: tuple[str, ...] = ()


def measure_model(
    profile: Profile, dev: Dev, where: Path, measure: str, progress: Progress, label: str
) -> Measured:
    """``measure_model(index_profile("dense", name), dev, Path("index"), "nDCG@10", progress, "before")``.

    The index at ``where`` is made, or completed where a run was broken off. Where the profile names a
    reranker, it has the last word.
    """
    counted: _Counted | None = None
    if profile.sparse is None:
        index = open_index(where, profile=profile)
    else:
        counted = _Counted(load_sparse(profile.sparse.model))
        index = open_index(where, profile=profile, dense=OneNumber(), sparse=counted)
    with index:
        total = len(dev.corpus)
        index.ingest(
            dev.corpus,
            scenarios="none",
            progress=lambda report: progress(f"Indexing {label}", report.documents.read, total),
        )
        found = evaluate(
            index,
            dev.dataset,
            SearchOptions(expand="off", rerank=None if profile.rerank.by else 0),
            list(dict.fromkeys((measure, SECOND))),
            progress=lambda done, queries: progress(f"Measuring {label}", done, queries),
        )
    return Measured(found, counted.active() if counted else None)


def index_profile(kind: Literal["dense", "sparse"], model: str) -> Profile:
    """Of an index that is searched by this model alone, each document whole."""
    chunk = ChunkProfile(mode="none")
    if kind == "dense":
        search = SearchProfile(branches=("dense",))
        return Profile(dense=DenseProfile(model=model), sparse=None, chunk=chunk, search=search)
    return Profile(sparse=SparseProfile(model=model), chunk=chunk, search=SearchProfile(branches=("sparse",)))


def reranked_profile(first_stage: str, model: str, reads: Reads, depth: int, weight: float) -> Profile:
    """Of an index that is searched by a dense model, whose best hits a Hypencoder scores again."""
    return index_profile("dense", first_stage).model_copy(
        update={
            "hypencoder": HypencoderProfile(model=model, reads=reads),
            "rerank": RerankProfile(by="hypencoder", depth=depth, weight=weight),
        }
    )


def gains(before: Evaluation, after: Evaluation) -> dict[str, Gain]:
    """Every measure of both, and the difference over the same queries."""
    return {measure: gain(_values(before, measure), _values(after, measure)) for measure in after.measures}


def gain(before: Sequence[float], after: Sequence[float]) -> Gain:
    """``gain([0, 1], [1, 1]).difference.mean``: of values of the same queries, documents or pairs."""
    difference = mean_of([b - a for a, b in zip(before, after, strict=True)])
    return Gain(
        before=mean_of(before),
        after=mean_of(after),
        difference=Difference(**difference.model_dump(), p=paired_p(before, after)),
    )


def judge(
    found: Mapping[str, Gain],
    measure: str,
    *,
    tolerance: float,
    active: ActiveTerms | None = None,
    max_active: int | None = None,
) -> Verdict:
    """``judge(gains(before, after), "nDCG@10", tolerance=0.005).accepted``.

    A model is not worse if its mean is no lower, or if the whole interval of the difference lies above
    ``-tolerance``. A sparse one must also have terms, and no more than ``max_active``.
    """
    gain = found[measure]
    numbers = (
        f"{measure} {gain.after.mean:.3f} ({gain.before.mean:.3f}), difference {gain.difference.mean:+.3f} "
        f"[{gain.difference.low:+.3f}, {gain.difference.high:+.3f}], p {p_text(gain.difference.p)}"
    )
    if active is not None and max_active is not None and active.documents > max_active:
        return Verdict(
            False,
            f"Refused: documents have {active.documents:.0f} terms on average, over {max_active}; {numbers}",
        )
    if gain.difference.low > 0:
        return Verdict(True, f"Accepted: better than the base; {numbers}")
    if gain.difference.mean >= 0:
        return Verdict(True, f"Accepted: no worse than the base, though not surely better; {numbers}")
    if gain.difference.low >= -tolerance:
        return Verdict(True, f"Accepted: surely no more than {tolerance:g} worse than the base; {numbers}")
    return Verdict(False, f"Refused: worse than the base; {numbers}")


def _values(evaluation: Evaluation, measure: str) -> Sequence[float]:
    return [outcome.values[measure] for outcome in evaluation.outcomes]


class OneNumber:
    """An index always has dense vectors; where only the sparse ones are searched, one number will do."""

    name, revision, dim = "none", "1", 1

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        return np.ones((len(texts), 1), dtype=np.float32)

    encode_queries = encode_documents


class _Counted:
    """A sparse encoder that counts the terms of what it encodes."""

    def __init__(self, encoder: SparseEncoder) -> None:
        self._encoder = encoder
        self.name, self.revision, self.idf = encoder.name, encoder.revision, encoder.idf
        self._terms: dict[str, list[int]] = {"queries": [], "documents": []}

    def encode_documents(self, texts: Sequence[str]) -> list[SparseVector]:
        return self._count("documents", self._encoder.encode_documents(texts))

    def encode_queries(self, texts: Sequence[str]) -> list[SparseVector]:
        return self._count("queries", self._encoder.encode_queries(texts))

    def active(self) -> ActiveTerms | None:
        """None where nothing was encoded, since the index was whole already."""
        means = {name: float(np.mean(counts)) for name, counts in self._terms.items() if counts}
        return ActiveTerms(**means) if len(means) == len(self._terms) else None

    def _count(self, what: str, vectors: list[SparseVector]) -> list[SparseVector]:
        self._terms[what] += [len(vector.indices) for vector in vectors]
        return vectors
