"""Train a Hypencoder: ``train_hypencoder(hypencoder_config({"data": "records.jsonl", "to": "reranker"}))``.

Killingback, Zeng and Zamani 2025, https://arxiv.org/abs/2502.05364; over other encoders, frozen or not, and
with another model's hyper-head: Eichholtz et al. 2026, https://arxiv.org/abs/2604.27037.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from transformers import TrainingArguments, set_seed

from ..errors import ModelError, UsageError
from ..models.hypencoder_folder import HypencoderConfig
from ..models.hypernetwork import HypencoderNetwork, load_head, load_network
from ..models.qnet import DEFAULT_QNET
from ..models.registry import refuse_other_kind
from ..models.resolve import resolve, whole_path
from ..schemas.profile import Profile
from ..schemas.training_report import TrainedKind, TrainingReport
from .bases import refuse_adapter
from .fitting import BY_SCORE, Fitted, run, run_arguments, run_callbacks
from .gate import Progress, index_profile, reranked_profile
from .hypencoder_config import LAYERS, WIDTH, HypencoderTraining
from .hypencoder_trainer import Batches, HypencoderTrainer
from .prepared import Prepared, prepare
from .ranker import Ranker
from .ranker_inputs import Encoded, RankerInputs, Texts, Tokenised
from .reranked import RerankedOrder
from .training import quiet, save_model, train
from .workplace import Workplace


def train_hypencoder(config: HypencoderTraining, progress: Progress = quiet) -> TrainingReport | None:
    """Train, judge and save a Hypencoder. As ``train_dense``; the gate compares with the first stage alone.

    Raises:
        ModelError: and the head of a donor does not fit.
    """
    return train(config, _Hypencoder(config), progress)


@dataclass
class _Hypencoder:
    """How a Hypencoder is made, as ``train`` asks for it."""

    config: HypencoderTraining
    kind: TrainedKind = "hypencoder"
    max_active: None = None
    _built: list[HypencoderNetwork] = field(default_factory=list)

    def prepare(self) -> Prepared:
        return prepare(self.config, teacher=self.config.teacher)

    def revision(self) -> str:
        self._network()  # a base that cannot be used is told before anything else is done
        return resolve(self.config.base).revision

    def profiles(self, place: Workplace) -> tuple[Profile, Profile]:
        config, first_stage = self.config, self._first_stage()
        return index_profile("dense", first_stage), reranked_profile(
            first_stage, str(place.model), config.reads, config.rerank_depth, config.rerank_weight
        )

    def fit(self, prepared: Prepared, place: Workplace, progress: Progress) -> Fitted:
        config, network, first_stage = self.config, self._network(), self._first_stage()
        texts, files = Texts.of(prepared), place.work / "encoded"
        inputs: RankerInputs = (
            Encoded(network, config, texts, first_stage, files, progress)
            if config.freeze
            else Tokenised(network, texts)
        )
        ranker = Ranker(network, config)
        evaluator = RerankedOrder(prepared.dev, texts, inputs, config, first_stage, files)
        made = TrainingArguments(**run_arguments(config, place), **BY_SCORE, remove_unused_columns=False)
        batches = Batches(prepared.rows, texts, inputs)
        trainer = HypencoderTrainer(
            ranker, made, prepared.rows, batches, evaluator, run_callbacks(config, progress)
        )
        start = evaluator(ranker)["score"]
        fitted = run(trainer, place)
        network.to("cpu")
        kept = self._kept_base()
        save_model(lambda folder: network.save(folder, base_revision=kept, half=config.half), place.model)
        return dataclasses.replace(fitted, curve=((0, start), *fitted.curve))

    def _network(self) -> HypencoderNetwork:
        if not self._built:
            network = build(self.config)
            if self.config.head:
                load_head(network, self.config.head)
            self._built.append(network)
        return self._built[0]

    def _first_stage(self) -> str:
        """The dense model whose best hits are scored again."""
        if self.config.reads == "dense":
            return self._network().config.base
        return self.config.first_stage or "starter:minilm"

    def _kept_base(self) -> str:
        """The revision of a base that the saved model need not hold, as it was left as it is."""
        if not self.config.freeze:
            return ""
        own = self._network().config.base_revision
        return own if is_hypencoder(self.config.base) else resolve(self.config.base).revision


def build(config: HypencoderTraining) -> HypencoderNetwork:
    """The network to train, in float32.

    Raises:
        ModelNotFound, ModelFetchError: as ``resolve``.
        ModelError: the base is of another kind, or does not fit.
        UsageError: the config asks of a Hypencoder what it cannot change.
    """
    set_seed(config.seed)
    network = _further(config) if is_hypencoder(config.base) else _anew(config)
    limits = {"max_query_tokens": config.max_query_tokens, "max_passage_tokens": config.max_tokens}
    given: dict[str, Any] = {name: limit for name, limit in limits.items() if limit}
    network.config = dataclasses.replace(network.config, **given)
    return network


def is_hypencoder(name: str) -> bool:
    """Whether a base is a Hypencoder, to train further."""
    try:
        HypencoderConfig.read(resolve(name).path)
    except ModelError:
        return False
    return True


def _further(config: HypencoderTraining) -> HypencoderNetwork:
    changed = [name for name in ("qnet", "layers", "width") if getattr(config, name) is not None]
    if changed:
        raise UsageError(
            f"{config.base} is a Hypencoder and keeps the q-net it has", f"Leave out {', '.join(changed)}"
        )
    network = load_network(resolve(config.base).path)
    if config.reads == "dense" and not network.config.base_revision:
        raise UsageError(
            f"{config.base} was not made for the dense vectors of an index", "Set reads to own: --reads own"
        )
    if config.near and not network.query_encoder.given:
        raise UsageError(f"{config.base} has a q-net without a similarity to stay near", "Set near to 0")
    return network


def _anew(config: HypencoderTraining) -> HypencoderNetwork:
    refuse_other_kind(config.base, "dense")
    refuse_adapter(resolve(config.base).path, config.base)
    layers = LAYERS if config.layers is None else config.layers
    if config.qnet != "published":

        def corrected(dim: int) -> dict[str, Any]:
            hidden = [config.width or WIDTH] * layers
            return {"dim": dim, "hidden": hidden, "dropout": config.dropout}

        return HypencoderNetwork.from_dense(config.base, qnet_kwargs=corrected, seed=config.seed)

    def published(dim: int) -> dict[str, Any]:
        widths = [dim, *[config.width or dim] * layers, 1]
        dropped = {"do_dropout": True, "dropout_prob": config.dropout} if config.dropout else {}
        return {"vector_dimensions": widths, **dropped}

    if config.reads == "dense":
        return HypencoderNetwork.from_dense(
            config.base, qnet=DEFAULT_QNET, qnet_kwargs=published, seed=config.seed
        )
    return HypencoderNetwork.from_base(
        whole_path(config.base), pooling=config.pooling, qnet_kwargs=published, seed=config.seed
    )
