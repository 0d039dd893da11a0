"""What makes a folder a model: ``check_weights(folder, name)``, ``folder_revision(folder)``.

Weights are safetensors, GGUF, the graph of a SPLADE model in int8, or ``pytorch_model*.bin``, which the
libraries read with ``torch.load(weights_only=True)``. Anything else that could hold weights is a pickle,
which runs code when it is read, and is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

from ..errors import ModelFetchError, ModelNotFound
from ..schemas.training_report import REPORT_FILE

INT8_GRAPH = "splade-int8.onnx"
"""What ``splade_int8`` writes; a graph of numbers and operations, which runs no code of its own."""
WEIGHTS = ("*.safetensors", "*.gguf", "pytorch_model*.bin", INT8_GRAPH)
CONFIG = ("*.json", "*.txt", "*.model", "*.jinja")
PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.pickle", "*.ckpt", "*.joblib")


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether the last part of a path matches one of the patterns."""
    base = name.rpartition("/")[2]
    return any(fnmatch(base, pattern) for pattern in patterns)


def file_sha256(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_weights(names: Iterable[str], model: str) -> None:
    """Refuse a model none of whose files can be read safely.

    Args:
        names: the paths of the model's files.
        model: what to call it in the error.

    Raises:
        ModelFetchError: there are pickles and nothing else.
        ModelNotFound: there are no weights at all.
    """
    files = list(names)
    if any(matches(name, WEIGHTS) for name in files):
        return
    pickles = sorted(name for name in files if matches(name, PICKLES))
    if pickles:
        raise ModelFetchError(
            f"{model} has only pickled weights ({', '.join(pickles[:3])}), which run code when they are read",
            "Use a model saved as safetensors",
        )
    raise ModelNotFound(
        f"{model} has no weights", "Name a folder with config.json and model.safetensors, or another model"
    )


def check_top(folder: Path, model: str) -> None:
    """Refuse a folder that has neither configuration nor weights at its top, before all of it is read.

    Raises:
        ModelNotFound: it is no model's.
    """
    tops = (*WEIGHTS, *PICKLES, "config.json", "modules.json")
    if not any(matches(entry.name, tops) for entry in folder.iterdir()):
        raise ModelNotFound(
            f"{model} is no model: it has neither a config.json nor weights", "Name the folder of a model"
        )


def model_files(folder: Path) -> list[str]:
    """Paths below ``folder``, hidden files left out, in order."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts))


def folder_revision(folder: Path) -> str:
    """sha256 over the names and bytes of a model's config, tokenizer and weights files.

    What training wrote about the model is no part of it.
    """
    digest = hashlib.sha256()
    for name in model_files(folder):
        if matches(name, (*CONFIG, *WEIGHTS)) and name != REPORT_FILE:
            line = f"{name}\0{file_sha256(folder / name)}\n"
            digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()
