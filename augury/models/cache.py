"""Where things are kept that can be had again: ``cache_folder() / "models"``."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_dir


def cache_folder() -> Path:
    """``AUGURY_CACHE``, or else the user's cache folder."""
    return Path(os.environ.get("AUGURY_CACHE") or user_cache_dir("augury")).expanduser()
