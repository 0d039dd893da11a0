"""Make a SPLADE model smaller: ``prune_splade(prune_config({"data": "scifact", "to": "small"}))``.

Nothing is trained. Terms that the collection does not use are taken out (``prune_splade``), or weights are
rounded to 8 bits (``quantize_splade``), and the gate measures what that costs, as after any training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from sentence_transformers import SparseEncoder

from ..models.sparse import SpladeEncoder
from ..models.splade_int8 import write_int8
from ..models.vocabulary import keep_terms, terms_in_use
from ..schemas.document import encoder_text
from ..schemas.profile import Profile
from ..schemas.training_report import TrainedKind, TrainingReport
from .bases import open_base
from .config import PruneConfig, QuantizeConfig, TrainingConfig
from .fitting import Fitted
from .gate import Progress, index_profile
from .prepared import Prepared, prepare
from .training import pretrained, quiet, save_model, train
from .workplace import Workplace

_ENCODED = 2000
"""Documents whose vectors say which terms that no text has are worth keeping."""

Make = Callable[[SparseEncoder, Prepared, Progress], Callable[[Path], None]]
"""From the model to what writes the smaller one into a folder."""


def prune_splade(config: PruneConfig, progress: Progress = quiet) -> TrainingReport | None:
    """Take out terms, judge and save. As ``train_dense``, and:

    Raises:
        ModelError: the vocabulary is none of word pieces, or queries have an encoder of their own.
    """
    return train(config, _Smaller(config, config.base, partial(_pruned, config)), progress)


def quantize_splade(config: QuantizeConfig, progress: Progress = quiet) -> TrainingReport | None:
    """Round the weights to 8 bits, judge and save. As ``train_dense``, and:

    Raises:
        MissingDependency: ``augury[onnx]`` is not installed.
        ModelError: queries have an encoder of their own, or the model cannot be exported.
    """
    return train(config, _Smaller(config, config.base, _quantized, "sparse-int8"), progress)


@dataclass
class _Smaller:
    """How a smaller model is made, as ``train`` asks for it."""

    config: TrainingConfig
    base: str
    make: Make
    kind: TrainedKind = "sparse"
    max_active: None = None

    def prepare(self) -> Prepared:
        return prepare(self.config, trains=False)

    def revision(self) -> str:
        return self._opened[1]

    def profiles(self, place: Workplace) -> tuple[Profile, Profile]:
        return index_profile("sparse", self.base), index_profile("sparse", str(place.model))

    def fit(self, prepared: Prepared, place: Workplace, progress: Progress) -> Fitted:
        save_model(self.make(self._opened[0], prepared, progress), place.model)
        return Fitted(0, 0)

    @cached_property
    def _opened(self) -> tuple[SparseEncoder, str]:
        return open_base(SparseEncoder, self.base, "sparse", self.config.device)


def _pruned(
    config: PruneConfig, model: SparseEncoder, prepared: Prepared, progress: Progress
) -> Callable[[Path], None]:
    texts = list(_texts(prepared))
    documents = [encoder_text(each.title, each.text) for each in prepared.dev.corpus[:_ENCODED]]
    encoder = SpladeEncoder(model, name=config.base, revision="")
    vectors = []
    for start in range(0, len(documents), 100):
        vectors += encoder.encode_documents(documents[start : start + 100])
        progress("Counting terms", len(vectors), len(documents))
    keep_terms(model, terms_in_use(model, texts, vectors, config.terms))
    return pretrained(model)


def _quantized(model: SparseEncoder, prepared: Prepared, progress: Progress) -> Callable[[Path], None]:
    progress("Rounding weights", 0, 1)
    return partial(write_int8, model.to("cpu"))


def _texts(prepared: Prepared) -> Iterator[str]:
    """Of training queries and their passages, and of every document; no query that is measured."""
    for row in prepared.rows:
        yield row.query
        yield row.positive
        yield from row.negatives
    for document in prepared.dev.corpus:
        yield encoder_text(document.title, document.text)
