"""SPLADE with weights of 8 bits, run by ONNX Runtime: ``write_int8(model, folder)``, ``open_int8(folder)``.

The whole way from token ids to term weights is one graph, a quarter as large as the model in float32.
Quantization is dynamic: weights are rounded once, a scale for each output; activations as they come. What
that costs in quality is for the gate to say (``augury train quantize``). See
https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from sentence_transformers import SparseEncoder
from sentence_transformers.base.modules import InputModule, Transformer
from sentence_transformers.sparse_encoder.modules import SpladePooling
from torch import nn

from ..errors import MissingDependency, ModelError, first_line
from .folder import INT8_GRAPH

SETTINGS = "splade-int8.json"
_INPUTS = ("input_ids", "attention_mask")
_PROBE = ["a text that shows whether both give the same weights", "and a short one"]
_TOLERANCE = 1e-3
"""How far the graph's weights may be from the model's before anything is rounded."""


def is_int8(folder: Path) -> bool:
    """Whether ``write_int8`` wrote this folder."""
    return (folder / INT8_GRAPH).is_file()


def open_int8(folder: Path) -> SparseEncoder:
    """``open_int8(Path("small")).encode(["a text"])``: a model of sentence-transformers with one module.

    Raises:
        MissingDependency: ``augury[onnx]`` is not installed.
        ModelError: the files do not make such a model.
    """
    from transformers import AutoTokenizer

    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        module = _Int8Splade(_session(folder / INT8_GRAPH), tokenizer, settings["max_tokens"])
    except MissingDependency:
        raise
    except Exception as error:  # ONNX Runtime's own errors have no common class
        raise ModelError(
            f"{folder} cannot be read as a SPLADE model in int8: {first_line(error)}",
            "Make it again with augury train quantize",
        ) from error
    return SparseEncoder(
        modules=[module],
        device="cpu",
        prompts=settings["prompts"],
        max_active_dims=settings["max_active_dims"],
    )


def write_int8(model: SparseEncoder, folder: Path) -> None:
    """Write a folder that ``open_int8`` reads. ``model`` is on the CPU and in float32.

    Raises:
        MissingDependency: ``augury[onnx]`` is not installed.
        ModelError: the model is no transformer with maxima over its tokens, queries have an encoder of
            their own, or its graph gives other weights.
    """
    try:
        import onnxscript  # noqa: F401
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise MissingDependency("onnxscript or onnxruntime", "onnx") from error
    graph = _Graph(model)
    tokenizer: Any = model.tokenizer
    transformer: Any = model[0]
    probe = tokenizer(_PROBE, padding=True, return_tensors="pt")
    given = tuple(probe[name] for name in _INPUTS)  # each (texts, tokens)
    texts, tokens = (torch.export.Dim(name, min=1, max=1 << 15) for name in ("texts", "tokens"))
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as room, _unsaid():
        whole = Path(room) / "whole.onnx"
        program = torch.onnx.export(
            graph,
            given,
            input_names=list(_INPUTS),
            output_names=["weights"],
            dynamic_shapes=({0: texts, 1: tokens}, {0: texts, 1: tokens}),
            dynamo=True,
            verbose=False,
        )
        assert program is not None
        program.save(str(whole))
        _compare(graph, whole, given)
        quantize_dynamic(whole, folder / INT8_GRAPH, weight_type=QuantType.QInt8, per_channel=True)
    tokenizer.save_pretrained(str(folder))
    settings = {
        "max_tokens": transformer.max_seq_length,
        "max_active_dims": model.max_active_dims,
        "prompts": model.prompts,
    }
    (folder / SETTINGS).write_text(json.dumps(settings, indent=1), encoding="utf-8")


class _Graph(nn.Module):
    """What is exported: ids and mask (texts, tokens) in, weights (texts, terms) out."""

    def __init__(self, model: SparseEncoder) -> None:
        super().__init__()
        parts = list(model)
        fits = len(parts) == 2 and isinstance(parts[0], Transformer) and isinstance(parts[1], SpladePooling)
        pooling: Any = parts[-1]
        if not fits or pooling.pooling_strategy != "max":
            raise ModelError(
                "Only a SPLADE model of one transformer, with maxima over its tokens, can be written in int8",
                "Name one whose queries have no encoder of their own",
            )
        transformer: Any = parts[0]
        self.network = transformer.model
        self.twice = pooling.activation_function == "log1p_relu"

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        logits = self.network(input_ids=input_ids, attention_mask=attention_mask).logits
        far_below = (1 - attention_mask.unsqueeze(-1).to(logits.dtype)) * -1e4
        pooled = torch.log1p(torch.relu((logits + far_below).amax(dim=1)))
        return torch.log1p(pooled) if self.twice else pooled


class _Int8Splade(InputModule):
    """The graph, as sentence-transformers runs a module."""

    def __init__(self, session: Any, tokenizer: Any, max_tokens: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.session = session
        self.tokenizer: Any = tokenizer
        self.max_tokens = max_tokens

    def preprocess(self, inputs: Any, prompt: str | None = None, **kwargs: Any) -> dict[str, Any]:
        texts = self._prepend_prompt(list(inputs), prompt) if prompt else list(inputs)
        return dict(
            self.tokenizer(
                texts, padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt"
            )
        )

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        given = {name: np.ascontiguousarray(features[name].cpu().numpy()) for name in _INPUTS}
        features["sentence_embedding"] = torch.from_numpy(self.session.run(None, given)[0])
        return features

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        raise ModelError("A model in int8 cannot be written again", "Copy its folder")


@contextmanager
def _unsaid() -> Iterator[None]:
    """Exporter and quantization warn of what they do, not of the model."""
    before = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)


def _session(file: Path) -> Any:
    """As many threads as torch has."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependency("onnxruntime", "onnx") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _compare(graph: _Graph, file: Path, given: tuple[torch.Tensor, ...]) -> None:
    with torch.inference_mode():
        wanted = graph(*given).numpy()
    inputs = {name: tensor.numpy() for name, tensor in zip(_INPUTS, given, strict=True)}
    found = _session(file).run(None, inputs)[0]
    if not np.allclose(found, wanted, rtol=_TOLERANCE, atol=_TOLERANCE):
        raise ModelError(
            f"The exported graph gives other weights (up to {np.abs(found - wanted).max():.2g} apart)",
            "Use the model as it is",
        )
