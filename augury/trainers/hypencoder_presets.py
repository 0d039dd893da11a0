"""Recipes for Hypencoders, as data: ``HYPENCODER_PRESETS["published"].values``.

Killingback, Zeng and Zamani 2025, https://arxiv.org/abs/2502.05364; Eichholtz et al. 2026 ("Hypencoder
Revisited"), https://arxiv.org/abs/2604.27037.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from .presets import Preset

_PAPER = "Killingback, Zeng and Zamani 2025, https://arxiv.org/abs/2502.05364"
_REPRODUCTION = "Eichholtz et al. 2026, https://arxiv.org/abs/2604.27037"
_PUBLISHED: Mapping[str, Any] = {
    "base": "google-bert/bert-base-uncased",
    "qnet": "published",
    "layers": 6,
    "reads": "own",
    "freeze": False,
    "half": False,
    "pooling": "cls",
    "loss": "both",
    "temperature": 1.0,
    "in_batch": "positives",
    "negatives": 7,
    "batch": 64,
    "max_query_tokens": 32,
    "max_tokens": 196,
}


def _reproduction(base: str, *, freeze: bool, pooling: str, **values: Any) -> Preset:
    own = {"base": base, "first_stage": base, "freeze": freeze, "pooling": pooling}
    linear = {"schedule": "linear", "warmup": 0.1, "weight_decay": 0.01}
    return Preset({**_PUBLISHED, **own, **linear, **values}, source=_REPRODUCTION)


_TAS_B = "sebastian-hofstaetter/distilbert-dot-tas_b-b256-msmarco"
_CONTRIEVER = "facebook/contriever-msmarco"
_RETROMAE = "Shitao/RetroMAE_MSMARCO_finetune"

HYPENCODER_PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "minilm": Preset(
            {
                "base": "starter:minilm",
                "qnet": "corrected-dot",
                "reads": "dense",
                "freeze": True,
                "batch": 32,
                "negatives": 4,
                "epochs": 4,
                "learning_rate": 1e-3,
                "temperature": 0.05,
                "near": 0.02,
                "dropout": 0.1,
                "rerank_weight": 0.5,
            },
            source="benchmarks/training_rerank.py measures it",
        ),
        "published": Preset(
            {
                **_PUBLISHED,
                "learning_rate": 2e-5,
                "schedule": "constant",
                "warmup": 0.006,
                "weight_decay": 0.0,
                "max_steps": 1_000_000,
                "evaluate_every": 50_000,
                "patience": 20,
            },
            source=_PAPER,
            note="Two GPUs, 128 queries a step. The text says 8 documents beside the positive, the released "
            "configuration 7.",
        ),
        "tas-b-freeze": _reproduction(_TAS_B, freeze=True, pooling="cls", learning_rate=1e-4, epochs=1),
        "tas-b": _reproduction(_TAS_B, freeze=False, pooling="cls", learning_rate=1e-5, epochs=1),
        "contriever-freeze": _reproduction(
            _CONTRIEVER, freeze=True, pooling="mean", learning_rate=1e-3, epochs=3
        ),
        "contriever": _reproduction(
            _CONTRIEVER,
            freeze=False,
            pooling="mean",
            learning_rate=1e-5,
            epochs=3,
            batch=32,
            accumulate=2,
        ),
        "retromae-freeze": _reproduction(_RETROMAE, freeze=True, pooling="cls", learning_rate=1e-3, epochs=3),
        "retromae": _reproduction(_RETROMAE, freeze=False, pooling="cls", learning_rate=1e-5, epochs=3),
        "hard": Preset(
            {
                "base": "jfkback/hypencoder.6_layer",
                "reads": "own",
                "freeze": False,
                "half": False,
                "loss": "contrastive",
                "temperature": 1.0,
                "in_batch": "positives",
                "negatives": 1,
                "batch": 96,
                "epochs": 25,
                "learning_rate": 8e-6,
                "schedule": "linear",
                "warmup": 0.1,
                "max_tokens": 512,
                "max_query_tokens": 512,
            },
            source=_PAPER,
            note="25 epochs are those of tip-of-the-tongue queries; the paper trains on FollowIR for one.",
        ),
    }
)
