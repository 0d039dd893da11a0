"""Where the base of a published Hypencoder is: ``base_folder(folder, "google-bert/bert-base-uncased")``.

A published checkpoint holds its transformer's weights but not its configuration; it names the base that has
it. Only configuration and tokenizer of that base are ever needed, so nothing else is fetched.
``bare_transformer`` and ``pretrained_transformer`` make it, for weights to be loaded into and with its own.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import torch
from transformers import AutoModel, PretrainedConfig, PreTrainedModel

from ..errors import ModelError, ModelFetchError, ModelNotFound, first_line
from .backbone import no_progress_bars
from .folder import CONFIG
from .hub import HUB_TIMEOUT_S
from .registry import STARTER
from .resolve import resolve

logger = logging.getLogger(__name__)


def base_folder(folder: Path, name: str) -> Path:
    """A folder with the base's config.json and tokenizer.

    Looked for beside the checkpoint's own files, as a folder, among the starters, in the hub's cache, and on
    the hub unless ``AUGURY_OFFLINE`` is set.

    Args:
        folder: of the checkpoint.
        name: what it calls its base.

    Raises:
        ModelNotFound: it is nowhere, or the hub may not be asked.
        ModelFetchError: the hub cannot be reached.
    """
    if name.startswith(STARTER):
        return resolve(name).path
    for own in (folder / name, Path(os.path.expanduser(name))):
        if name and (own / "config.json").is_file():
            return own
    if not name or name.startswith((".", "/", "~", "\\")) or name.count("/") > 1:
        raise ModelNotFound(
            f"The base model {name!r} of {folder} is not there",
            "Put its config.json and tokenizer into a folder of that name inside that one",
        )
    return _cached(name) or _fetched(folder, name)


def _cached(name: str) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        found = Path(snapshot_download(name, local_files_only=True, allow_patterns=[*CONFIG]))
    except (OSError, HFValidationError):
        return None
    return found if (found / "config.json").is_file() else None


def _fetched(folder: Path, name: str) -> Path:
    from huggingface_hub import HfApi, snapshot_download

    if os.environ.get("AUGURY_OFFLINE", "0") not in ("", "0"):
        raise ModelNotFound(
            f"The base model {name} of {folder} is not in the cache, and AUGURY_OFFLINE is set",
            f"Run: augury models fetch {name}",
        )
    logger.info("The configuration of %s is not in the cache; asking the hub", name)
    try:
        # Asked first, because it fails at once where the download would retry for a minute.
        HfApi().model_info(name, timeout=HUB_TIMEOUT_S)
        return Path(snapshot_download(name, allow_patterns=[*CONFIG]))
    except Exception as error:
        raise ModelFetchError(
            f"The configuration of {name}, the base of {folder}, could not be fetched from the hub "
            f"({type(error).__name__})",
            f"Check the network, or put its config.json and tokenizer into a folder of that name in {folder}",
        ) from error


def bare_transformer(base: PretrainedConfig) -> PreTrainedModel:
    """A transformer without its weights, which the checkpoint holds."""
    try:
        transformer: PreTrainedModel = AutoModel.from_config(  # type: ignore[no-untyped-call]
            base, trust_remote_code=False
        )
    except Exception as error:
        raise ModelError(
            f"The base of architecture {base.model_type!r} cannot be made: {first_line(error)}",
            "Use a base whose architecture is part of transformers",
        ) from error
    return transformer


def pretrained_transformer(path: Path, name: str) -> PreTrainedModel:
    """A transformer with its weights."""
    try:
        with no_progress_bars():
            transformer, info = AutoModel.from_pretrained(
                path,
                dtype=torch.float32,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except Exception as error:
        raise ModelError(
            f"{name} cannot be loaded as a base: {first_line(error)}",
            "Name a folder that holds a whole encoder",
        ) from error
    missing = sorted(name for name in info["missing_keys"] if "pooler." not in name)
    if missing:
        raise ModelError(
            f"{name} lacks {len(missing)} tensors of its architecture, such as {', '.join(missing[:3])}",
            "Name a folder that holds a whole encoder",
        )
    model: PreTrainedModel = transformer.eval()
    return model
