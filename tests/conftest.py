"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[1]

# Timings are no assertions: a busy machine must not fail a property.
settings.register_profile("augury", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("augury")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real collections; tests that need them are skipped where they are not."""
    folder = Path(os.environ.get("AUGURY_DATA", ROOT / "../shared/data")).resolve()
    if not (folder / "scifact/corpus.jsonl").is_file():
        pytest.skip(f"no collections at {folder}; set AUGURY_DATA")
    return folder
