"""Models of the Hugging Face hub: ``local_snapshot(name)``, ``fetch_snapshot(name)``.

The hub's own cache is used, as every other tool of the ecosystem does. Only configuration, tokenizer and
safe weights are downloaded; ``.bin`` files where their folder has no safetensors.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ModelFetchError, ModelNotFound
from .folder import CONFIG, WEIGHTS, check_weights, matches, model_files

HUB_TIMEOUT_S = 5.0
_PATTERNS = [*CONFIG, "*.safetensors"]
_OTHER_BACKENDS = ["onnx/*", "openvino/*"]


def local_snapshot(name: str) -> Path | None:
    """The folder of a model that was downloaded before; None where there is none, or half of one."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        found = snapshot_download(
            name, local_files_only=True, allow_patterns=_PATTERNS, ignore_patterns=_OTHER_BACKENDS
        )
    except (OSError, HFValidationError):
        return None
    folder = Path(found)
    return folder if any(matches(file, WEIGHTS) for file in model_files(folder)) else None


def fetch_snapshot(name: str) -> Path:
    """Download a model, or what is missing of it.

    Raises:
        ModelNotFound: the hub has no such model, or not for this user, or it has no weights.
        ModelFetchError: the hub cannot be reached, or the weights are pickles.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    try:
        # Asked first, because it fails at once where the download would retry for a minute.
        info = HfApi().model_info(name, timeout=HUB_TIMEOUT_S)
        files = [file.rfilename for file in info.siblings or ()]
        check_weights(files, name)
        with _no_progress_bars():
            found = snapshot_download(
                name, allow_patterns=_PATTERNS + _bins(files), ignore_patterns=_OTHER_BACKENDS
            )
        return Path(found)
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ModelNotFound(
            f"The hub has no model {name}, or wants a login for it",
            "Check the name, or log in with: hf auth login",
        ) from error
    except (ModelNotFound, ModelFetchError):
        raise
    except Exception as error:
        raise ModelFetchError(
            f"{name} could not be fetched from the hub ({type(error).__name__})",
            "Check the network, or name a local folder or a starter: model",
        ) from error


def _bins(files: list[str]) -> list[str]:
    safe = {os.path.dirname(name) for name in files if matches(name, ["*.safetensors"])}
    bins = (name for name in files if matches(name, ["pytorch_model*.bin"]))
    return [name for name in bins if os.path.dirname(name) not in safe]


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """A library draws nothing; the command line shows progress of its own."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    drawn = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if drawn:
            enable_progress_bars()
