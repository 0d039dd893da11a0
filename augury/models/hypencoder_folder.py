"""The files of a Hypencoder: ``HypencoderConfig.read(folder)``, ``read_weights(folder)``, ``write_folder``.

The layout is the published one (https://github.com/jfkback/hypencoder-paper): config.json with
``query_encoder_kwargs`` and ``passage_encoder_kwargs``, and weights as safetensors or ``pytorch_model*.bin``.
A folder written here also holds the base's configuration, in ``base_config``, and the tokenizer, so that it
needs neither a hub nor the base again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal, get_args

import torch
from filelock import Timeout
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoConfig, AutoTokenizer, PretrainedConfig, PreTrainedTokenizerBase

from ..errors import ModelError, ModelFetchError, first_line
from .hypencoder_base import base_folder
from .qnet import DEFAULT_QNET
from .whole import WAIT_S, appear

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt")
MAX_QUERY_TOKENS = 64
MAX_PASSAGE_TOKENS = 512
"""What the published commands cut queries and passages to."""

Pooling = Literal["cls", "mean"]


@dataclass(frozen=True, slots=True)
class HypencoderConfig:
    """``HypencoderConfig.read(folder)``: what config.json says.

    Attributes:
        base: name of the base model, as published: a folder or a hub name.
        width: of the base's token states.
        qnet: name of a registered q-net, and ``qnet_kwargs`` its arguments.
        pooling: how passage tokens become one vector: the first of them, or their mean.
        shared: whether queries and passages go through one and the same transformer.
        base_config: the base's own configuration, or None where it has to be looked up.
        normalised: whether vectors are cut to length 1, as those of a dense index are.
        query_prompt, passage_prompt: put before texts.
        base_revision: of the base whose weights are read beside these; empty where the folder has them all.
        published: the other values of the file, which are kept as they are.
    """

    base: str
    width: int
    qnet_kwargs: Mapping[str, Any]
    qnet: str = DEFAULT_QNET
    pooling: Pooling = "cls"
    shared: bool = True
    max_query_tokens: int = MAX_QUERY_TOKENS
    max_passage_tokens: int = MAX_PASSAGE_TOKENS
    base_config: Mapping[str, Any] | None = None
    normalised: bool = False
    query_prompt: str = ""
    passage_prompt: str = ""
    base_revision: str = ""
    published: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> HypencoderConfig:
        """``HypencoderConfig.read(Path("hypencoder.6_layer"))``.

        Raises:
            ModelError: there is no such file, or it is not that of a Hypencoder.
        """
        path = folder / CONFIG_FILE
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            query, passage = values["query_encoder_kwargs"], values["passage_encoder_kwargs"]
            config = cls(
                base=str(query["model_name_or_path"]),
                width=int(query.get("base_encoder_output_dim", 768)),
                qnet=str(query.get("qnet", DEFAULT_QNET)),
                qnet_kwargs=dict(query["converter_kwargs"]),
                pooling=passage.get("pooling_type", "cls"),
                shared=bool(values.get("shared_encoder", False)),
                max_query_tokens=int(values.get("max_query_tokens", MAX_QUERY_TOKENS)),
                max_passage_tokens=int(values.get("max_passage_tokens", MAX_PASSAGE_TOKENS)),
                base_config=values.get("base_config"),
                normalised=bool(passage.get("normalised", False)),
                query_prompt=str(query.get("prompt", "")),
                passage_prompt=str(passage.get("prompt", "")),
                base_revision=str(values.get("base_revision", "")),
                published=values,
            )
        except FileNotFoundError as error:
            raise ModelError(f"{folder} has no {CONFIG_FILE}", "Name the folder of a Hypencoder") from error
        except KeyError as error:
            raise ModelError(
                f"{path} is not that of a Hypencoder: it has no {error}", "Name the folder of a Hypencoder"
            ) from error
        except (ValueError, TypeError, AttributeError, OSError) as error:
            raise ModelError(f"{path} cannot be read: {error}", "Fetch or copy the model again") from error
        if min(config.max_query_tokens, config.max_passage_tokens) < 1:
            raise ModelError(
                f"{path} lets queries or passages have no token", "Set max_query_tokens and the other above 0"
            )
        if config.pooling not in get_args(Pooling):
            raise ModelError(
                f"{path} asks for a pooling {config.pooling!r} that is unknown",
                f"Use {' or '.join(get_args(Pooling))}",
            )
        return config

    def as_json(self) -> dict[str, Any]:
        """The content of config.json."""
        base = {"model_name_or_path": self.base, "freeze_transformer": False}
        own_query = {"base_encoder_output_dim": self.width, "converter_kwargs": dict(self.qnet_kwargs)}
        own_passage: dict[str, Any] = {"pooling_type": self.pooling}
        if self.qnet != DEFAULT_QNET:
            own_query["qnet"] = self.qnet
        if self.normalised:
            own_passage["normalised"] = True
        for own, prompt in ((own_query, self.query_prompt), (own_passage, self.passage_prompt)):
            if prompt:
                own["prompt"] = prompt
        given = {name: value for name, value in self.published.items() if name != "base_revision"}
        query = base | {"embedding_representation": None} | self.published.get("query_encoder_kwargs", {})
        passage = base | self.published.get("passage_encoder_kwargs", {})
        found = given | {
            "query_encoder_kwargs": query | own_query,
            "passage_encoder_kwargs": passage | own_passage,
            "shared_encoder": self.shared,
            "max_query_tokens": self.max_query_tokens,
            "max_passage_tokens": self.max_passage_tokens,
            "base_config": self.base_config,
        }
        return found | ({"base_revision": self.base_revision} if self.base_revision else {})


def read_base_config(folder: Path, config: HypencoderConfig) -> PretrainedConfig:
    """The configuration of the base's transformer: the folder's own, else the base's.

    Raises:
        ModelError: it cannot be had, or is of an architecture that transformers does not know.
    """
    try:
        if config.base_config is not None:
            values = dict(config.base_config)
            return AutoConfig.for_model(values.pop("model_type"), **values)
        found = base_folder(folder, config.base)
        read: PretrainedConfig = AutoConfig.from_pretrained(
            found, local_files_only=True, trust_remote_code=False
        )
        return read
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"The configuration of {config.base}, the base of {folder}, cannot be used: {first_line(error)}",
            "Use a base whose architecture is part of transformers",
        ) from error


def read_tokenizer(folder: Path, config: HypencoderConfig, base: PretrainedConfig) -> PreTrainedTokenizerBase:
    """The folder's own tokenizer, else the base's.

    Raises:
        ModelError: there is none, or it cannot be read.
    """
    own = any((folder / name).is_file() for name in TOKENIZER_FILES)
    found = folder if own else base_folder(folder, config.base)
    return open_tokenizer(found, base)


def open_tokenizer(folder: Path, base: PretrainedConfig) -> PreTrainedTokenizerBase:
    """The tokenizer in a folder, which pads on the right: the first token is where a passage is read.

    Raises:
        ModelError: there is none, or it cannot be read.
    """
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            folder, config=base, local_files_only=True, trust_remote_code=False, padding_side="right"
        )
    except Exception as error:
        raise ModelError(
            f"The tokenizer in {folder} cannot be read: {first_line(error)}",
            "Copy tokenizer.json and tokenizer_config.json of the base model into the model's folder",
        ) from error
    return tokenizer


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Every tensor of a folder by its name, on the CPU: of all safetensors, else of all pytorch_model*.bin.

    Raises:
        ModelError: a file is damaged, or holds more than tensors.
    """
    files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))
    weights: dict[str, Tensor] = {}
    for file in files:
        try:
            if file.suffix == ".safetensors":
                found = load_file(file)
            else:
                found = torch.load(file, map_location="cpu", weights_only=True)
            weights.update(found)
        except UnpicklingError as error:
            raise ModelFetchError(
                f"{file} is a pickle of more than tensors, which could run code when it is read",
                "Use a model saved as safetensors",
            ) from error
        except Exception as error:
            what = f"{file} cannot be read: {first_line(error)}"
            raise ModelError(what, "Fetch or copy the model again") from error
    if not all(isinstance(tensor, Tensor) for tensor in weights.values()):
        raise ModelError(f"{folder} holds weights that are not a plain state dict", "Save it as safetensors")
    return weights


def write_folder(
    folder: Path,
    config: HypencoderConfig,
    weights: Mapping[str, Tensor],
    tokenizer: PreTrainedTokenizerBase | None,
) -> None:
    """Write a Hypencoder's folder; it appears whole, in the place of an older Hypencoder if one is there.

    Args:
        tokenizer: None where it is the base's, which the folder does not replace.

    Raises:
        ModelError: something else is there, or another process is writing it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        try:
            HypencoderConfig.read(folder)
        except ModelError as error:
            raise ModelError(f"{folder} holds something else", "Name another folder, or a new one") from error

    def fill(scratch: Path) -> Path:
        whole = scratch / folder.name
        whole.mkdir()
        if tokenizer is not None:
            tokenizer.save_pretrained(whole)
        # safetensors holds no tensor twice: the copies are those of a transformer that both sides share.
        apart = {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}
        save_file(apart, whole / WEIGHTS_FILE, metadata={"format": "pt"})
        (whole / CONFIG_FILE).write_text(json.dumps(config.as_json(), indent=2) + "\n", encoding="utf-8")
        return whole

    try:
        appear(folder, fill, lambda: False, lock=f".{folder.name}.lock", scratch=f".{folder.name}.save-")
    except Timeout as error:
        raise ModelError(
            f"Another process has been writing {folder} for {WAIT_S:.0f} s", "End it, then try again"
        ) from error
