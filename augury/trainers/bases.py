"""The model that training starts from: ``open_base(SentenceTransformer, "starter:minilm", "dense")``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, TypeVar

from sentence_transformers import SentenceTransformer, SparseEncoder
from sentence_transformers.base.modules import Transformer

from ..errors import ModelError
from ..models.backbone import open_model
from ..models.registry import MODELS, refuse_other_kind
from ..models.resolve import resolve

Model = TypeVar("Model", SentenceTransformer, SparseEncoder)


def open_base(
    kind: type[Model], name: str, trained: Literal["dense", "sparse"], device: str | None = None
) -> tuple[Model, str]:
    """The model in float32, and its revision.

    Raises:
        ModelNotFound, ModelFetchError: as ``resolve``.
        ModelError: it is of another kind, or an adapter without its base.
    """
    refuse_other_kind(name, trained)
    folder = resolve(name).path
    refuse_adapter(folder, name)
    _refuse_wrong(folder, name, trained)
    return open_model(kind, name, device, "float32")


def is_bare(folder: Path) -> bool:
    """Whether a folder holds a transformer without the library's own description of modules."""
    return not (folder / "modules.json").is_file()


def limit_tokens(model: SentenceTransformer | SparseEncoder, max_tokens: int | None) -> None:
    """Cut texts to so many tokens, in training and in everything the saved model does later."""
    if max_tokens is None:
        return
    for module in model.modules():
        if isinstance(module, Transformer):
            module.max_seq_length = min(max_tokens, module.max_seq_length or max_tokens)


def refuse_adapter(folder: Path, name: str) -> None:
    """Raise ``ModelError`` for an adapter of the adapters library (AdapterHub), such as ``allenai/specter2``.

    Those are bottleneck layers between a transformer's own. PEFT has no such layer and LoRA, which adds to
    weights, cannot stand in for it, so that no renaming of weights makes one of the other.
    """
    file = folder / "adapter_config.json"
    if not file.is_file():
        return
    found = _read(file)
    if "peft_type" in found:
        raise ModelError(
            f"{name} is a PEFT adapter and no whole model",
            "Merge it into its base with PEFT's merge_and_unload, and name that folder",
        )
    raise ModelError(
        f"{name} is an adapter of the adapters library (AdapterHub), whose layers PEFT cannot hold",
        "Name its base, such as allenai/specter2_base, and train a query adapter: --preset specter2",
    )


def licence_of(name: str) -> str:
    """What the registry or the model's own card says of its licence; empty where neither does."""
    if name in MODELS:
        return MODELS[name].licence
    card = resolve(name).path / "README.md"
    if not card.is_file():
        return ""
    head = card.read_text(encoding="utf-8", errors="replace").split("---", 2)
    lines = head[1].splitlines() if len(head) == 3 and not head[0].strip() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("license:")), "")


def _refuse_wrong(folder: Path, name: str, trained: Literal["dense", "sparse"]) -> None:
    modules = _text(folder / "modules.json") + _text(folder / "router_config.json")
    architectures = str(_read(folder / "config.json").get("architectures") or "")
    if trained == "dense":
        fits = "sparse_encoder" not in modules and "SequenceClassification" not in architectures
        wanted = "an embedding model or a bare transformer"
    elif is_bare(folder):
        fits, wanted = (
            "MaskedLM" in architectures,
            "a SPLADE model, or one with a masked-language head, such as BERT",
        )
    else:
        fits, wanted = "sparse_encoder" in modules or "SpladePooling" in modules, "a SPLADE model"
    if not fits:
        raise ModelError(f"{name} is no base for a {trained} model", f"Name {wanted} with --base")


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(_text(file) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
