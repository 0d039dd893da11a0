"""Train a dense encoder: ``train_dense(dense_config({"data": "records.jsonl", "to": "my-model"}))``."""

from __future__ import annotations

from dataclasses import dataclass, field

from sentence_transformers import SentenceTransformer, SentenceTransformerTrainingArguments

from ..schemas.profile import Profile
from ..schemas.training_report import TrainedKind, TrainingReport
from .checkpoints import DenseTrainer
from .config import DenseConfig
from .exact import ExactRetrieval
from .fitting import Fitted, fit, precision_of
from .gate import Progress, index_profile
from .losses import dense_loss
from .prepared import Prepared, prepare
from .towers import build, merged
from .training import pretrained, quiet, save_model, train
from .workplace import Workplace


def train_dense(config: DenseConfig, progress: Progress = quiet) -> TrainingReport | None:
    """Train, judge and save a dense model; the report is that of ``TrainingReport``.

    The same call goes on with a run that was broken off, and returns the report of one that has ended. Where
    several processes train together (torchrun), all but the first return None.

    Raises:
        SourceError, UsageError: data or choices that cannot be used.
        ModelError: the base cannot be used, or a checkpoint could not be written.
        MissingDependency: the ``train`` extra is not installed.
    """
    return train(config, _Dense(config), progress)


@dataclass
class _Dense:
    """How a dense model is made, as ``train`` asks for it."""

    config: DenseConfig
    kind: TrainedKind = "dense"
    max_active: None = None
    _built: list[tuple[SentenceTransformer, str]] = field(default_factory=list)

    def prepare(self) -> Prepared:
        config = self.config
        return prepare(config, expansions=config.expansions, teacher=config.loss == "margin-mse")

    def revision(self) -> str:
        return self._model()[1]

    def profiles(self, place: Workplace) -> tuple[Profile, Profile]:
        """Two bases are one model only once they are put together."""
        base = self.config.base
        if self.config.document_base:
            base = str(place.work / "base")
            save_model(pretrained(build(self.config)[0]), place.work / "base")
        return index_profile("dense", base), index_profile("dense", str(place.model))

    def fit(self, prepared: Prepared, place: Workplace, progress: Progress) -> Fitted:
        config = self.config
        model, _ = self._model()
        evaluator = ExactRetrieval(prepared.dev, config.measure, precision=precision_of(config))
        fitted = fit(
            DenseTrainer,
            SentenceTransformerTrainingArguments,
            model,
            dense_loss(model, config),
            config,
            prepared,
            place,
            evaluator,
            progress,
            prompts=model.prompts,
        )
        save_model(pretrained(merged(model, config)), place.model)
        return fitted

    def _model(self) -> tuple[SentenceTransformer, str]:
        if not self._built:
            self._built.append(build(self.config))
        return self._built[0]
