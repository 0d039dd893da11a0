"""LoRA over an LLM, and the whole model that comes of it: ``lora(config)``, ``save_whole(model, base, out)``.

Hu et al. 2021, https://arxiv.org/abs/2106.09685. A merge can go wrong in silence, as with an adapter that
was not active, so the folder that was written is read again and held against the model that was trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ...errors import ModelError, first_line
from ..training import save_model
from .base import LlmBase, load_llm
from .config import LlmConfig

MERGE_TOLERANCE = 1e-3
"""Root mean square of the difference of logits, by that of the logits: of the merge itself, in float32."""
ROUNDING_TOLERANCE = 0.05
"""The same of the folder, whose weights are rounded to the base's precision. SmolLM2-135M has .015 in
bfloat16."""


def lora(config: LlmConfig) -> Any:
    """PEFT's config: every linear layer but the head. None for rank 0."""
    if config.lora_rank == 0:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def save_whole(trained: Any, base: LlmBase, out: Path, probes: Sequence[Sequence[int]]) -> str:
    """Merge, save as safetensors in the base's own precision, read again and compare.

    Args:
        trained: a model, with or without LoRA; it is merged and of no use afterwards.
        probes: token sequences to compare on, such as prompts with answers.

    Returns:
        How far the logits of the folder are from the trained model's, as a sentence.

    Raises:
        ModelError: the disk does not hold it, or what was written is not what was trained.
    """
    trained.to("cpu", torch.float32).eval()  # a GPU that holds it for training may not hold it in float32
    wanted = logits(trained, probes)
    whole = trained.merge_and_unload() if hasattr(trained, "merge_and_unload") else trained
    _held("merged", wanted, whole, probes, MERGE_TOLERANCE)
    _write(whole.to(base.dtype), base, out)
    saved = load_llm(out, str(out), torch.float32).eval()
    difference = _held("saved", wanted, saved, probes, ROUNDING_TOLERANCE)
    return f"Logits of the saved model are within {difference:.2%} of the trained one's."


def _held(
    what: str, wanted: Sequence[torch.Tensor], model: Any, probes: Sequence[Sequence[int]], most: float
) -> float:
    difference = apart(wanted, logits(model, probes))
    if not difference <= most:  # NaN too
        raise ModelError(
            f"The {what} model is not the trained one: their logits differ by {difference:.1%}",
            "Give the same command again; if it stays so, this base cannot be merged, so use --lora-rank 0",
        )
    return difference


@torch.no_grad()
def logits(model: Any, probes: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """``(tokens, vocabulary)`` of each probe, in float32."""
    device = model.device
    return [
        model(input_ids=torch.tensor([list(ids)], device=device)).logits[0].float().cpu() for ids in probes
    ]


def apart(a: Sequence[torch.Tensor], b: Sequence[torch.Tensor]) -> float:
    """Root mean square of the difference, by that of ``a``."""
    difference = sum(float((x - y).square().sum()) for x, y in zip(a, b, strict=True))
    size = sum(float(x.square().sum()) for x in a)
    return float((difference / size) ** 0.5)


def _write(model: Any, base: LlmBase, out: Path) -> None:
    generation = model.generation_config
    generation.eos_token_id = sorted(base.ends)
    generation.pad_token_id = base.tokenizer.pad_token_id

    def write(folder: Path) -> None:
        model.save_pretrained(str(folder))
        base.tokenizer.save_pretrained(str(folder))

    save_model(write, out)


def open_adapter(model: Any, folder: str, *, trainable: bool) -> Any:
    """The model with a PEFT adapter over it. Raises ``ModelError`` where the folder holds none that fits."""
    from peft import PeftModel

    place = Path(folder).expanduser()
    if not (place / "adapter_config.json").is_file():
        raise ModelError(f"{folder} is no PEFT adapter", "Name a folder with adapter_config.json")
    try:
        return PeftModel.from_pretrained(model, str(place), is_trainable=trainable, local_files_only=True)
    except (OSError, ValueError, RuntimeError) as error:
        reason = first_line(error)
        raise ModelError(
            f"{folder} does not fit the base: {reason}", "Name its own base with --base"
        ) from error
