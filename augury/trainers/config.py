"""Every choice of a training run: flags, or a TOML file of the same names.

What is given by a flag goes before the file, the file before the preset, and the preset before the defaults.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..errors import UsageError
from .presets import DENSE_PRESETS, SPLADE_PRESETS, Preset

Schedule = Literal["linear", "cosine", "constant"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]


class RunConfig(BaseModel):
    """What every trainer is told. Fields are what ``--config`` and the flags are called.

    Attributes:
        data: what is trained on.
        to: the folder that the model will be in. Work lies beside it, in ``TO.training``.
        base: the model to start from: a folder, ``starter:`` or hub name.
        batch: examples of a step on one device. Each step has ``batch * accumulate`` of them a device.
        evaluate_every: steps between two evaluations; None for once an epoch.
        patience: evaluations without a better one after which training ends.
        precision: ``auto`` is bfloat16 where the hardware has it, float16 on an older GPU, or else float32.
        tolerance: a model passes the gate though its mean is lower, if it is surely not lower by more.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str
    to: str
    base: str
    epochs: float = Field(default=3, gt=0)
    max_steps: int | None = Field(default=None, ge=1)
    batch: int = Field(default=32, ge=1)
    accumulate: int = Field(default=1, ge=1)
    learning_rate: float = Field(default=2e-5, gt=0)
    schedule: Schedule = "linear"
    warmup: float = Field(default=0.1, ge=0, lt=1, description="share of the steps")
    weight_decay: float = Field(default=0.01, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    evaluate_every: int | None = Field(default=None, ge=1)
    patience: int = Field(default=3, ge=1)
    precision: Precision = "auto"
    device: str | None = None
    seed: int = 42
    licence: str = ""
    tensorboard: bool = False
    keep_checkpoints: bool = False
    tolerance: float = Field(default=0.005, ge=0)
    allow_worse: bool = False

    @property
    def folder(self) -> Path:
        """Where the model goes."""
        return Path(self.to).expanduser().absolute()


class TrainingConfig(RunConfig):
    """What the trainers of retrieval models are told.

    Attributes:
        data: training records (JSON Lines), or a BEIR folder, with ``:SPLIT`` after it for one not called
            train.
        dev: judged queries to choose and to gate by: a BEIR folder with ``:SPLIT`` after it for one not
            called dev. Without it, ``dev_share`` of the training queries is held out.
        dev_queries: no more queries than these are evaluated.
        dev_documents: no more documents are searched; all relevant ones are kept, the others drawn at random.
        negatives: hard negatives of a row. A query that has fewer gets random documents.
        max_tokens: of a text; the rest is not read, here and by the trained model. None leaves the base's.
    """

    dev: str = ""
    dev_share: float = Field(default=0.1, gt=0, lt=1)
    dev_queries: int = Field(default=1000, ge=1)
    dev_documents: int = Field(default=10_000, ge=1)
    measure: str = "nDCG@10"
    negatives: int = Field(default=1, ge=0, le=64)
    max_tokens: int | None = Field(default=None, ge=8)


class DenseConfig(TrainingConfig):
    """``DenseConfig(data="records.jsonl", to="my-model", base="starter:minilm")``.

    Attributes:
        loss: ``contrastive`` (InfoNCE over the batch and hard negatives), ``triplet`` (a margin between the
            distances of unit vectors) or ``margin-mse`` (a teacher's margins; records need scores).
        temperature: cosines are divided by it.
        mini_batch: texts that go through the model at once while the whole batch counts (GradCache); 0 for
            all.
        towers: one encoder; ``two``, for queries and for documents; or ``query-adapter``: the documents'
            encoder stays as it is, and that of queries differs by a LoRA.
        document_base: with two towers, another model for documents.
        pooling: how token vectors become one, where the base is a bare transformer; by default their mean.
        expansions: passages of a record that its query is averaged with, as search does it (ExpandR); 0 for
            none.
        query_weight: the query's share of that mean.
    """

    base: str = "starter:minilm"
    loss: Literal["contrastive", "triplet", "margin-mse"] = "contrastive"
    temperature: float = Field(default=0.05, gt=0)
    margin: float = Field(default=0.2, gt=0)
    mini_batch: int = Field(default=0, ge=0)
    towers: Literal["one", "two", "query-adapter"] = "one"
    document_base: str = ""
    pooling: Literal["mean", "cls"] = "mean"
    lora_rank: int = Field(default=16, ge=1)
    expansions: int = Field(default=0, ge=0, le=16)
    query_weight: float = Field(default=0.5, gt=0, lt=1)
    query_prompt: str = ""
    document_prompt: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.mini_batch and (self.loss != "contrastive" or self.expansions):
            raise ValueError(
                "mini_batch works with the contrastive loss without expansions. Leave one of them out"
            )
        if self.loss != "contrastive" and self.negatives == 0:
            raise ValueError(f"the {self.loss} loss needs a negative. Set negatives to 1 or more")
        if self.loss == "triplet" and self.negatives != 1:
            raise ValueError("the triplet loss takes one negative. Set negatives to 1")
        if self.document_base and self.towers != "two":
            raise ValueError("document_base is of two towers. Set towers to two")
        if self.loss == "contrastive" and self.batch < 2 and self.negatives == 0:
            raise ValueError("a batch of one query without negatives has nothing to tell apart. Raise batch")
        return self


class SpladeConfig(TrainingConfig):
    """``SpladeConfig(data="records.jsonl", to="my-splade", base="starter:splade-tiny")``.

    Attributes:
        loss: ``ranking`` (in-batch and hard negatives), or a teacher's: ``margin-mse``, ``kl``.
        queries: ``model`` expands queries too; ``static`` only weighs their own tokens, by a learned table,
            so that a search runs no network (inference-free).
        flops_query, flops_document: weights of the FLOPS regulariser.
        ramp: share of the steps over which both weights grow from 0, by the square of the steps.
        max_active: most terms that documents may have on average; beyond it a model is never the best one and
            does not pass the gate.
    """

    base: str = "starter:splade-tiny"
    loss: Literal["ranking", "margin-mse", "kl"] = "ranking"
    temperature: float = Field(default=1.0, gt=0)
    mini_batch: int = Field(default=0, ge=0)
    queries: Literal["model", "static"] = "model"
    flops_query: float = Field(default=5e-3, ge=0)
    flops_document: float = Field(default=3e-3, ge=0)
    ramp: float = Field(default=0.33, gt=0, le=1)
    max_active: int = Field(default=1000, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.loss != "ranking" and self.negatives == 0:
            raise ValueError(f"the {self.loss} loss needs negatives. Set negatives to 1 or more")
        return self


class PruneConfig(TrainingConfig):
    """``PruneConfig(data="scifact", to="small", terms=8000)``: what is trained is left out.

    Attributes:
        terms: most terms that are kept.
    """

    base: str = "starter:splade-tiny"
    negatives: int = 0
    terms: int = Field(default=8000, ge=100)


class QuantizeConfig(TrainingConfig):
    """``QuantizeConfig(data="scifact", to="small")``: what is trained is left out."""

    base: str = "starter:splade-tiny"
    negatives: int = 0


Config = TypeVar("Config", bound=RunConfig)


def dense_config(given: Mapping[str, Any], *, file: Path | None = None, preset: str = "") -> DenseConfig:
    """``dense_config({"data": "records.jsonl", "to": "my-model"}, preset="minilm")``."""
    return merged_config(DenseConfig, given, file, preset, DENSE_PRESETS)


def splade_config(given: Mapping[str, Any], *, file: Path | None = None, preset: str = "") -> SpladeConfig:
    """``splade_config({"data": "records.jsonl", "to": "my-splade"})``."""
    return merged_config(SpladeConfig, given, file, preset, SPLADE_PRESETS)


def prune_config(given: Mapping[str, Any], *, file: Path | None = None) -> PruneConfig:
    """``prune_config({"data": "scifact", "to": "small", "terms": 8000})``."""
    return merged_config(PruneConfig, given, file, "", {})


def quantize_config(given: Mapping[str, Any], *, file: Path | None = None) -> QuantizeConfig:
    """``quantize_config({"data": "scifact", "to": "small"})``."""
    return merged_config(QuantizeConfig, given, file, "", {})


def merged_config(
    kind: type[Config],
    given: Mapping[str, Any],
    file: Path | None,
    preset: str,
    presets: Mapping[str, Preset],
) -> Config:
    """Flags over the file over the preset; pydantic's ``ValidationError`` where they contradict."""
    told = read_toml(file) if file else {}
    name = preset or str(told.pop("preset", ""))
    told.pop("preset", None)
    if name and name not in presets:
        raise UsageError(f"There is no preset {name!r}", f"Use one of {', '.join(presets)}")
    return kind.model_validate({**(presets[name].values if name else {}), **told, **given})


def read_toml(file: Path) -> dict[str, Any]:
    """The values of a ``--config`` file. Raises ``UsageError`` where it is none."""
    try:
        with file.open("rb") as opened:
            return tomllib.load(opened)
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({error.strerror})", "Check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{file} is no TOML: {error}", 'Write lines such as: base = "starter:minilm"'
        ) from error


def to_toml(config: RunConfig) -> str:
    """The config as a file that ``--config`` reads. What is None is left out, as TOML has no such value."""
    values = config.model_dump(mode="json", exclude_none=True)
    return "".join(f"{name} = {_toml(value)}\n" for name, value in values.items())


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = "".join(
            f"\\u{ord(char):04x}" if ord(char) < 32 or ord(char) == 127 else char
            for char in value.replace("\\", "\\\\").replace('"', '\\"')
        )
        return f'"{escaped}"'
    return repr(value)
