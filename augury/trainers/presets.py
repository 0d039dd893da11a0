"""Recipes from the literature, as data: ``DENSE_PRESETS["dpr"].values``.

Where a paper's code and its text disagree, or training and retrieval would compare vectors in two ways, the
values here follow retrieval, which is by cosine for dense vectors; ``note`` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Preset:
    """``Preset(values, source, note)``: fields of a config, where they come from, and what differs there."""

    values: Mapping[str, Any]
    source: str
    note: str = ""


DENSE_PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "minilm": Preset(
            {
                "base": "starter:minilm",
                "batch": 32,
                "negatives": 2,
                "epochs": 3,
                "learning_rate": 1e-4,
                "temperature": 0.05,
                "max_tokens": 256,
            },
            source="usual values for a model of this size; benchmarks/training.py measures them",
        ),
        "dpr": Preset(
            {
                "base": "sentence-transformers/facebook-dpr-question_encoder-single-nq-base",
                "document_base": "sentence-transformers/facebook-dpr-ctx_encoder-single-nq-base",
                "towers": "two",
                "batch": 128,
                "mini_batch": 16,
                "negatives": 1,
                "epochs": 40,
                "learning_rate": 1e-5,
                "max_tokens": 256,
            },
            source="Karpukhin et al. 2020, https://arxiv.org/abs/2004.04906",
            note="The paper compares by dot product; here it is the cosine, as in retrieval.",
        ),
        "specter2": Preset(
            {
                "base": "allenai/specter2_base",
                "pooling": "cls",
                "towers": "query-adapter",
                "loss": "triplet",
                "margin": 1.0,
                "batch": 16,
                "accumulate": 8,
                "negatives": 1,
                "epochs": 20,
                "learning_rate": 2e-4,
                "max_tokens": 512,
            },
            source="Singh et al. 2023, https://arxiv.org/abs/2211.13308; triplets as in SPECTER, "
            "https://arxiv.org/abs/2004.07180",
            note="The adapter is a LoRA in place of a bottleneck, and distances are those of unit vectors.",
        ),
        "expandr": Preset(
            {
                "expansions": 1,
                "query_weight": 0.5,
                "batch": 64,
                "accumulate": 8,
                "negatives": 1,
                "epochs": 3,
                "learning_rate": 1e-5,
                "temperature": 0.02,
                "max_tokens": 512,
            },
            source="Yao et al. 2025, https://arxiv.org/abs/2502.17057",
            note="The published code averages raw vectors and ignores its temperature; here the mean is of "
            "unit vectors and of length 1, as in retrieval.",
        ),
    }
)
SPLADE_PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "splade-tiny": Preset(
            {
                "base": "starter:splade-tiny",
                "batch": 32,
                "negatives": 2,
                "epochs": 4,
                "learning_rate": 2e-4,
                "max_tokens": 256,
            },
            source="usual values for a model of this size; benchmarks/training.py measures them",
        ),
    }
)
