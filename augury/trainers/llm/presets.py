"""Recipes for LLMs, as data: ``SCENARIO_PRESETS["spike"].values``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..presets import Preset

SCENARIO_PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "spike": Preset(
            {
                "base": "meta-llama/Llama-3.2-3B-Instruct",
                "lora_rank": 32,
                "lora_alpha": 64,
                "lora_dropout": 0.1,
                "learning_rate": 2e-5,
                "batch": 8,
                "accumulate": 8,
                "epochs": 20,
                "patience": 10,
                "schedule": "constant",
                "warmup": 0.0,
                "weight_decay": 0.1,
                "max_tokens": 4096,
                "gradient_checkpointing": True,
            },
            source="Lee et al. 2025 (SPIKE), https://arxiv.org/abs/2503.23033, and its published code",
            note="The published batch of 64 is 8 batches of 8 here. The prompt is Augury's own.",
        ),
        "smollm2": Preset(
            {
                "base": "starter:smollm2",
                "needs": 2,
                "lora_rank": 32,
                "lora_alpha": 64,
                "lora_dropout": 0.0,
                "learning_rate": 5e-4,
                "batch": 8,
                "epochs": 1,
                "max_steps": 200,
                "evaluate_every": 40,
                "schedule": "cosine",
                "warmup": 0.1,
                "weight_decay": 0.0,
                "dev_rows": 32,
                "max_tokens": 1024,
                "answer_tokens": 512,
            },
            source="chosen for SmolLM2-135M on a CPU; benchmarks/llm_training.py measures it",
            note="2 of the teacher's needs, and 1,600 documents at most: an hour or two on one core.",
        ),
    }
)
EXPANDER_PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "expandr": Preset(
            {
                "base": "meta-llama/Meta-Llama-3-8B-Instruct",
                "lora_rank": 8,
                "lora_alpha": 32,
                "lora_dropout": 0.1,
                "beta": 0.1,
                "learning_rate": 2e-5,
                "batch": 2,
                "accumulate": 8,
                "epochs": 2,
                "max_grad_norm": 10.0,
                "max_tokens": 1024,
                "gradient_checkpointing": True,
            },
            source="Yao et al. 2025 (ExpandR), https://arxiv.org/abs/2502.17057, and its published code",
            note="The published runs cut at 612 tokens.",
        ),
        "smollm2": Preset(
            {
                "base": "starter:smollm2",
                "lora_rank": 8,
                "lora_alpha": 32,
                "lora_dropout": 0.0,
                "beta": 0.1,
                "learning_rate": 1e-4,
                "batch": 4,
                "accumulate": 2,
                "epochs": 1,
                "max_steps": 40,
                "evaluate_every": 10,
                "dev_share": 0.3,
                "dev_rows": 16,
                "gate_rows": 64,
                "max_tokens": 512,
            },
            source="chosen for SmolLM2-135M on a CPU; benchmarks/llm_training.py measures it",
            note="320 pairs at most, so that it takes less than an hour; much is held out, to tell a gain.",
        ),
    }
)
