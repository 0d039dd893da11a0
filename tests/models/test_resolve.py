from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from augury.errors import ModelFetchError, ModelNotFound
from augury.models.resolve import fetch, is_cached, resolve

Tiny = Callable[..., Path]


def test_an_unknown_starter_lists_the_known() -> None:
    with pytest.raises(ModelNotFound, match=r"starter:minilm, starter:splade-tiny, starter:hyp"):
        resolve("starter:gpt")


@pytest.mark.parametrize("name", ["./missing", "/missing/folder", "~/missing", "a/b/c", ""])
def test_a_path_that_is_not_there_asks_no_hub(name: str) -> None:
    with pytest.raises(ModelNotFound, match="no folder"):
        resolve(name)


def test_a_local_folder_is_used_as_it_is(tiny: Tiny) -> None:
    folder = tiny()
    found = resolve(str(folder))
    assert found.path == folder
    assert found.local
    assert is_cached(str(folder))
    assert fetch(str(folder)) == folder


def test_a_local_folders_revision_follows_its_files(tiny: Tiny) -> None:
    folder = tiny()
    before = resolve(str(folder)).revision
    (folder / "README.md").write_text("what a reader sees")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "lock.json").write_text("{}")
    assert resolve(str(folder)).revision == before
    with (folder / "config.json").open("a") as config:
        config.write("\n")
    assert resolve(str(folder)).revision != before


def test_a_folder_without_weights_is_not_a_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelNotFound, match="no weights"):
        resolve(str(tmp_path))


@pytest.mark.parametrize("pickle", ["model.pt", "weights.pkl", "training_args.bin"])
def test_a_folder_of_pickles_is_refused(tmp_path: Path, pickle: str) -> None:
    (tmp_path / pickle).write_bytes(b"")
    with pytest.raises(ModelFetchError, match="pickle"):
        resolve(str(tmp_path))


def test_resolving_imports_no_torch() -> None:
    code = """
import sys
import augury.models.registry, augury.models.resolve
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
