"""Every choice of a run that trains an LLM: ``scenario_config(...)``, ``expander_config(...)``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import Field

from ..config import RunConfig, merged_config
from ..fitting import precision_of
from .presets import EXPANDER_PRESETS, SCENARIO_PRESETS


class LlmConfig(RunConfig):
    """What both trainers of LLMs are told.

    Attributes:
        dev_share: of the documents or queries, held out with all that nearly equals them.
        dev_rows: no more of them choose the best step.
        gate_rows: no more of them are written for by both models, to judge by.
        lora_rank: 0 trains every weight.
        lora_alpha: the LoRA is scaled by ``lora_alpha / lora_rank``.
        max_tokens: of prompt and answer together; the document is cut where they are longer.
        gradient_checkpointing: less memory, a third more work.
    """

    batch: int = Field(default=8, ge=1)
    dev_share: float = Field(default=0.1, gt=0, lt=1)
    dev_rows: int = Field(default=64, ge=1)
    gate_rows: int = Field(default=32, ge=1)
    lora_rank: int = Field(default=32, ge=0)
    lora_alpha: int = Field(default=64, ge=1)
    lora_dropout: float = Field(default=0.1, ge=0, lt=1)
    max_tokens: int = Field(default=4096, ge=64)
    gradient_checkpointing: bool = False


class ScenarioConfig(LlmConfig):
    """``ScenarioConfig(data="teacher.jsonl", documents="corpus/", to="my-llm", base="starter:smollm2")``.

    Attributes:
        data: the teacher's scenarios, as ``augury generate scenarios`` writes them.
        documents: the source they were made of; not needed where the file has their texts (``--teacher``).
        needs: scenarios of a passage that the model is taught to write; ask for as many when it is used.
        answer_tokens: longest answer that is drawn to judge by.
        encoder: compares scenarios with the teacher's.
    """

    base: str = "starter:smollm2"
    documents: str = ""
    needs: int = Field(default=4, ge=1, le=16)
    answer_tokens: int = Field(default=1024, ge=16)
    encoder: str = "starter:minilm"


class ExpanderConfig(LlmConfig):
    """``ExpanderConfig(data="preferences.jsonl", to="my-llm", base="starter:smollm2")``.

    Attributes:
        data: preference pairs, as ``augury generate preferences`` writes them.
        adapter: a PEFT adapter of ``base``, from supervised training: it is trained further, and a frozen
            copy of it is the reference.
        beta: how dear it is to leave the reference.
        answer_tokens: longest passage that is drawn to see what the model writes.
    """

    base: str = "starter:smollm2"
    adapter: str = ""
    beta: float = Field(default=0.1, gt=0)
    lora_rank: int = Field(default=8, ge=0)
    lora_alpha: int = Field(default=32, ge=1)
    gate_rows: int = Field(default=200, ge=1)
    answer_tokens: int = Field(default=128, ge=16)


def scenario_config(
    given: Mapping[str, Any], *, file: Path | None = None, preset: str = ""
) -> ScenarioConfig:
    """``scenario_config({"data": "teacher.jsonl", "to": "my-llm"}, preset="smollm2")``."""
    return merged_config(ScenarioConfig, given, file, preset, SCENARIO_PRESETS)


def expander_config(
    given: Mapping[str, Any], *, file: Path | None = None, preset: str = ""
) -> ExpanderConfig:
    """``expander_config({"data": "preferences.jsonl", "to": "my-llm"})``."""
    return merged_config(ExpanderConfig, given, file, preset, EXPANDER_PRESETS)


def weights_of(config: LlmConfig) -> torch.dtype:
    """What the base is loaded in: weights that a LoRA leaves alone need no more than is computed in."""
    return (precision_of(config) if config.lora_rank else None) or torch.float32
