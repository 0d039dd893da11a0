"""The public surface is what ``__all__`` says, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from types import ModuleType

import augury
from augury import errors


def test_all_is_the_public_surface() -> None:
    public = {
        name
        for name, value in vars(augury).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert sorted(public | {"__version__"}) == sorted(augury.__all__)


def test_every_error_is_in_the_drawn_tree() -> None:
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or "")) | {"AuguryError"}
    raised = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and value.__module__ == errors.__name__
    }
    assert drawn == raised


def test_importing_augury_loads_neither_torch_nor_an_engine() -> None:
    heavy = ("torch", "transformers", "qdrant_client", "qdrant_edge", "pyarrow", "openai")
    code = f"import sys, augury, augury.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
