"""Libraries that draw and warn while an LLM is trained are kept silent: ``with silent(): ...``."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silent() -> Iterator[None]:
    """No bars of datasets, and no warnings of old names by which PEFT and TRL ask transformers."""
    import datasets

    drawn = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*will be removed in v6", category=FutureWarning)
            yield
    finally:
        if drawn:
            datasets.enable_progress_bars()
