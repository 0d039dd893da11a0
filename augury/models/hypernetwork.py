"""The Hypencoder network: ``load_network(folder)``, ``HypencoderNetwork.from_base("starter:minilm")``.

Killingback, Zeng and Zamani 2025, https://arxiv.org/abs/2502.05364. A query becomes the weights of a small
network, its q-net; a passage becomes a vector; the q-net applied to the vector is the score. Every method
here is differentiable; ``hypencoder.Hypencoder`` is what turns texts into scores.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..errors import ModelError
from .dense_base import open_dense_base, transformer_folder
from .folder import check_weights, model_files
from .hypencoder_base import bare_transformer, pretrained_transformer
from .hypencoder_folder import (
    MAX_PASSAGE_TOKENS,
    MAX_QUERY_TOKENS,
    HypencoderConfig,
    Pooling,
    open_tokenizer,
    read_base_config,
    read_tokenizer,
    read_weights,
    write_folder,
)
from .hyperhead import HyperHead
from .qnet import CORRECTED_DOT, DEFAULT_QNET, QNet, make_qnet, takes_query_vector
from .resolve import resolve, whole_path

QUERY_SIDE, PASSAGE_SIDE = "query_encoder.transformer.", "passage_encoder.transformer."
QNetArguments = Mapping[str, Any] | Callable[[int], Mapping[str, Any]]
UNUSED = (".pooler.", ".position_ids")
"""Parts of a published state dict that no score depends on."""


def pooled(states: Tensor, attention_mask: Tensor, pooling: Pooling, *, normalised: bool) -> Tensor:
    """Token states (texts, tokens, width) to vectors (texts, width), in float32 where of length 1."""
    if pooling == "cls":
        vectors = states[:, 0]
    else:
        # The published mean adds up the padding too, so that a vector depends on its batch. This one does
        # not.
        mask = attention_mask.unsqueeze(-1).to(states.dtype)  # (texts, tokens, 1)
        summed = (states * mask).sum(dim=1, dtype=torch.float32)
        vectors = summed / mask.sum(dim=1, dtype=torch.float32)
    return F.normalize(vectors.float(), dim=-1) if normalised else vectors.to(states.dtype)


class QueryEncoder(HyperHead):
    """``QueryEncoder(transformer, qnet, config)``: token ids of queries to weights and biases of q-nets.

    Where the q-net takes the query's own vector, that is its first weight, and the head makes the others.
    """

    def __init__(
        self, transformer: PreTrainedModel, qnet: QNet, config: HypencoderConfig, *, seed: int = 1
    ) -> None:
        self.given = takes_query_vector(qnet)
        super().__init__(qnet.weight_shapes[self.given :], qnet.bias_shapes, config.width, seed=seed)
        self.pooling, self.normalised = config.pooling, config.normalised
        self.transformer = transformer
        if self.given:
            self.silence_last()

    def encode(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Both arguments are (queries, tokens); the result is as ``HyperHead``'s."""
        states = self.states(input_ids, attention_mask)
        return self.qnets(states, attention_mask, self.vectors(states, attention_mask))

    def states(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Token states, (queries, tokens, width)."""
        found: Tensor = self.transformer(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return found

    def vectors(self, states: Tensor, attention_mask: Tensor) -> Tensor:
        """The queries' own vectors, (queries, width)."""
        return pooled(states, attention_mask, self.pooling, normalised=self.normalised)

    def qnets(
        self, states: Tensor, attention_mask: Tensor, vectors: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """From what ``states`` and ``vectors`` gave to weights and biases."""
        dtype = self.weight_query_embeddings[0].dtype
        weights, biases = self(states.to(dtype), attention_mask)
        return ([vectors.to(dtype).unsqueeze(-1), *weights] if self.given else weights), biases


class PassageEncoder(nn.Module):
    """``PassageEncoder(transformer, config)``: token ids of passages to vectors."""

    def __init__(self, transformer: PreTrainedModel, config: HypencoderConfig) -> None:
        super().__init__()
        self.transformer = transformer
        self.pooling, self.normalised = config.pooling, config.normalised

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """(passages, tokens) twice in; (passages, width) out."""
        states: Tensor = self.transformer(
            input_ids=input_ids, attention_mask=attention_mask
        ).last_hidden_state  # (passages, tokens, width)
        return pooled(states, attention_mask, self.pooling, normalised=self.normalised)


class HypencoderNetwork(nn.Module):
    """``load_network(folder)`` or ``HypencoderNetwork.from_base(name)`` make one.

    Args:
        config: what config.json says.
        transformers: those of the query and the passage side; the same object twice where it is shared.
        tokenizer: of both sides; it is saved with the weights.
        seed: of the hyper-head's initial values.

    Attributes:
        qnet: scores items, given the weights of queries.
        dim: width of the passage vectors.

    Raises:
        ModelError: the q-net does not fit the passage vectors.
    """

    def __init__(
        self,
        config: HypencoderConfig,
        transformers: tuple[PreTrainedModel, PreTrainedModel],
        tokenizer: PreTrainedTokenizerBase,
        *,
        seed: int = 1,
    ) -> None:
        super().__init__()
        query_side, passage_side = transformers
        self.config = config
        self.tokenizer = tokenizer
        self.qnet = make_qnet(config.qnet, **config.qnet_kwargs)
        self.dim: int = passage_side.config.hidden_size
        if self.qnet.dim != self.dim or config.width != query_side.config.hidden_size:
            raise ModelError(
                f"A q-net for vectors of {self.qnet.dim} numbers and a hyper-head for states of "
                f"{config.width} do not fit a base of {self.dim}",
                "Correct converter_kwargs and base_encoder_output_dim in config.json",
            )
        self.query_encoder = QueryEncoder(query_side, self.qnet, config, seed=seed)
        self.passage_encoder = PassageEncoder(passage_side, config)

    @classmethod
    def from_base(
        cls,
        base_name_or_path: str,
        *,
        hidden_layers: int = 6,
        pooling: Pooling = "cls",
        qnet: str = DEFAULT_QNET,
        qnet_kwargs: QNetArguments | None = None,
        shared: bool = True,
        max_query_tokens: int = MAX_QUERY_TOKENS,
        max_passage_tokens: int = MAX_PASSAGE_TOKENS,
        seed: int = 1,
    ) -> HypencoderNetwork:
        """``HypencoderNetwork.from_base("starter:minilm", hidden_layers=4)``: over a base, not yet trained.

        Args:
            base_name_or_path: a folder, ``starter:`` or hub name of an encoder.
            hidden_layers: blocks of the published q-net, each as wide as the base.
            qnet_kwargs: arguments of the q-net in place of those, or what makes them from the base's width;
                any other q-net needs its own.

        Raises:
            ModelNotFound, ModelFetchError: as ``resolve``.
            ModelError: the files are not an encoder, or the q-net does not fit it.
        """
        path = resolve(base_name_or_path).path
        query_side = pretrained_transformer(path, base_name_or_path)
        base = query_side.config
        passage_side = query_side if shared else pretrained_transformer(path, base_name_or_path)
        width = base.hidden_size
        if qnet_kwargs is None:
            qnet_kwargs = {"vector_dimensions": [width] * (hidden_layers + 1) + [1]}
        if callable(qnet_kwargs):
            qnet_kwargs = qnet_kwargs(width)
        config = HypencoderConfig(
            base=base_name_or_path,
            width=width,
            qnet=qnet,
            qnet_kwargs=qnet_kwargs,
            pooling=pooling,
            shared=shared,
            max_query_tokens=max_query_tokens,
            max_passage_tokens=max_passage_tokens,
        )
        return cls(config, (query_side, passage_side), open_tokenizer(path, base), seed=seed)

    @classmethod
    def from_dense(
        cls, name: str, *, qnet: str = CORRECTED_DOT, qnet_kwargs: QNetArguments, seed: int = 1
    ) -> HypencoderNetwork:
        """``HypencoderNetwork.from_dense("starter:minilm", qnet_kwargs={"dim": 384})``: over a dense model.

        Its vectors are those that an index made with that model has: pooling, length, prompts and the tokens
        that are read are the model's own.

        Raises:
            ModelNotFound, ModelFetchError: as ``resolve``.
            ModelError: it is no dense model, does more than pool, or the q-net does not fit it.
        """
        base = open_dense_base(name)
        width = base.transformer.config.hidden_size
        config = HypencoderConfig(
            base=whole_path(name),
            width=width,
            qnet=qnet,
            qnet_kwargs=qnet_kwargs(width) if callable(qnet_kwargs) else qnet_kwargs,
            pooling=base.pooling,
            normalised=True,
            query_prompt=base.query_prompt,
            passage_prompt=base.document_prompt,
            max_query_tokens=base.max_tokens,
            max_passage_tokens=base.max_tokens,
        )
        tokenizer = open_tokenizer(transformer_folder(resolve(name).path), base.transformer.config)
        return cls(config, (base.transformer, base.transformer), tokenizer, seed=seed)

    def query_weights(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Token ids (queries, tokens) to weights (queries, in, out) and biases (queries, 1, dim)."""
        return self.query_encoder.encode(input_ids, attention_mask)

    def passage_vectors(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Token ids (passages, tokens) to vectors (passages, dim)."""
        vectors: Tensor = self.passage_encoder(input_ids, attention_mask)
        return vectors

    def score(self, weights: Sequence[Tensor], biases: Sequence[Tensor], items: Tensor) -> Tensor:
        """Scores (queries, items) of items that all queries share, (items, dim), or (queries, items, dim)."""
        return self.qnet(weights, biases, items, training=self.training)

    def save(self, folder: Path | str, *, base_revision: str = "", half: bool = False) -> None:
        """``network.save("model")``: everything ``load_network`` needs; the folder appears whole.

        Args:
            base_revision: that of a base whose weights were left as they are. The folder then holds the
                hyper-head alone, and is loaded over that very base.
            half: write float16.

        Raises:
            ModelError: the folder holds something else, or another process is writing it.
        """
        base = self.query_encoder.transformer.config.to_dict()
        base.pop("_name_or_path", None)  # a path that means nothing elsewhere
        config = dataclasses.replace(self.config, base_config=base, base_revision=base_revision)
        weights = self.state_dict()
        if base_revision:
            config = dataclasses.replace(config, base_config=None)
            weights = {name: tensor for name, tensor in weights.items() if not is_base(name)}
        if half:
            weights = {name: tensor.half() for name, tensor in weights.items()}
        write_folder(Path(folder), config, weights, None if base_revision else self.tokenizer)


def load_network(folder: Path | str) -> HypencoderNetwork:
    """``load_network("hypencoder.6_layer")``: a published or saved checkpoint, in float32 and eval mode.

    Raises:
        ModelNotFound, ModelFetchError: it has no safe weights, or its base cannot be had.
        ModelError: config, tokenizer or weights are damaged or not those of a Hypencoder.
    """
    folder = Path(folder)
    config = HypencoderConfig.read(folder)
    check_weights(model_files(folder), str(folder))
    weights = read_weights(folder)
    if config.base_revision:
        transformer, tokenizer = _base_of(folder, config)
        network = HypencoderNetwork(config, (transformer, transformer), tokenizer)
        weights |= {name: tensor for name, tensor in network.state_dict().items() if is_base(name)}
    else:
        base = read_base_config(folder, config)
        query_side = bare_transformer(base)
        passage_side = query_side if config.shared else bare_transformer(base)
        network = HypencoderNetwork(config, (query_side, passage_side), read_tokenizer(folder, config, base))
    network.load_state_dict(_matched(folder, network, weights))
    return network.eval()


def is_base(name: str) -> bool:
    """Whether a tensor of a Hypencoder is of its transformer, and not of the hyper-head."""
    return name.startswith((QUERY_SIDE, PASSAGE_SIDE))


def load_head(network: HypencoderNetwork, donor: str) -> None:
    """``load_head(network, "jfkback/hypencoder.6_layer")``: take the hyper-head of another Hypencoder.

    Raises:
        ModelNotFound, ModelFetchError: as ``resolve``.
        ModelError: the donor is no Hypencoder, or its head has other shapes.
    """
    folder = resolve(donor).path
    HypencoderConfig.read(folder)
    found = {name: tensor for name, tensor in read_weights(folder).items() if not is_base(name)}
    own = {name: tensor for name, tensor in network.state_dict().items() if not is_base(name)}
    for name in sorted(own.keys() | found.keys()):
        if name not in own or name not in found or own[name].shape != found[name].shape:
            here, there = (tuple(side[name].shape) if name in side else "absent" for side in (own, found))
            raise ModelError(
                f"The hyper-head of {donor} does not fit: {name} is {there} there and {here} here",
                "Choose the base, the q-net, its layers and its width as they are there",
            )
    network.load_state_dict(found, strict=False)


def _base_of(folder: Path, config: HypencoderConfig) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The base that a folder without one was trained over, and its tokenizer."""
    found = resolve(config.base)
    if found.revision != config.base_revision:
        raise ModelError(
            f"{folder} was trained over revision {config.base_revision[:12]} of {config.base}, and the one "
            f"found here is {found.revision[:12]}",
            "Bring back that revision, or train it anew over this one",
        )
    path = transformer_folder(found.path)
    transformer = pretrained_transformer(path, config.base)
    return transformer, open_tokenizer(path, transformer.config)


def _matched(folder: Path, network: HypencoderNetwork, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a file under every name the network has, or an error that says what does not fit."""
    if network.config.shared:
        for name in list(weights):
            for side, other in ((QUERY_SIDE, PASSAGE_SIDE), (PASSAGE_SIDE, QUERY_SIDE)):
                if name.startswith(side):
                    weights.setdefault(other + name.removeprefix(side), weights[name])
    for encoder in (network.query_encoder, network.passage_encoder):
        # Nothing reads the pooler, and older checkpoints leave it out.
        transformer: Any = encoder.transformer
        if getattr(transformer, "pooler", None) and not any(".pooler." in name for name in weights):
            transformer.pooler = None
    expected = network.state_dict()
    missing = [name for name in expected if name not in weights]
    if missing:
        raise ModelError(
            f"{folder} lacks {len(missing)} of {len(expected)} tensors, such as {', '.join(missing[:3])}",
            "Check that it is a whole Hypencoder and that its config.json is the right one",
        )
    extra = [name for name in weights if name not in expected and not any(part in name for part in UNUSED)]
    if extra:
        raise ModelError(
            f"{folder} holds {len(extra)} tensors that its config.json has no place for, such as "
            f"{', '.join(extra[:3])}",
            "Check that config.json belongs to these weights",
        )
    for name, tensor in expected.items():
        if tensor.shape != weights[name].shape:
            raise ModelError(
                f"{name} of {folder} has the shape {tuple(weights[name].shape)}, not {tuple(tensor.shape)}",
                "Check that config.json belongs to these weights",
            )
    return {name: weights[name] for name in expected}
