"""A dense model as the base of a Hypencoder: ``open_dense_base("starter:minilm").transformer``.

A Hypencoder that reads an index's dense vectors must make a query's vector as the dense encoder does. So
only models qualify whose vectors are pooled token states, cut to length 1.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
from transformers import PreTrainedModel

from ..errors import ModelError
from .backbone import open_model, shipped_prompt
from .hypencoder_folder import Pooling as PoolingName

_WINDOW = 512
"""Tokens read of a text, where a model does not say."""


@dataclass(frozen=True)
class DenseBase:
    """What an index's vectors are made with; ``max_tokens`` are read of a text."""

    transformer: PreTrainedModel
    pooling: PoolingName
    query_prompt: str
    document_prompt: str
    max_tokens: int


def open_dense_base(name: str) -> DenseBase:
    """The transformer in float32 on the CPU, and how its token states become a vector.

    Raises:
        ModelNotFound, ModelFetchError: as ``resolve``.
        ModelError: it is no dense model, or its vectors are more than pooled token states.
    """
    model, _ = open_model(SentenceTransformer, name, "cpu", "float32")
    first, *others = list(model)
    pooling = [each.pooling_mode for each in others if isinstance(each, Pooling)]
    plain = isinstance(first, Transformer) and all(isinstance(each, Pooling | Normalize) for each in others)
    mode = str(pooling[0]) if len(pooling) == 1 else ""
    if not plain or mode not in ("cls", "mean"):
        raise ModelError(
            f"The vectors of {name} are not the mean of its token states, nor the first of them",
            "Use another dense model as base, or the published q-net over vectors of its own",
        )
    found: Any = first.model
    transformer: PreTrainedModel = found.eval()
    return DenseBase(
        transformer,
        "cls" if mode == "cls" else "mean",
        shipped_prompt(model, "query"),
        shipped_prompt(model, "document"),
        model.max_seq_length or _WINDOW,
    )


def transformer_folder(folder: Path) -> Path:
    """Where in a model's folder its transformer lies: that of sentence-transformers may be one below."""
    modules = folder / "modules.json"
    if not modules.is_file():
        return folder
    return folder / str(json.loads(modules.read_text(encoding="utf-8"))[0].get("path", ""))
