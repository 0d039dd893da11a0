"""A SPLADE model in int8 weighs texts nearly as the whole one does."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SparseEncoder

from augury.errors import MissingDependency, ModelError
from augury.models.resolve import resolve
from augury.models.sparse import load_sparse
from augury.models.splade_int8 import SETTINGS, write_int8
from augury.schemas.points import SparseVector

TEXTS = [
    "a pump for the bath",
    "boats",
    "",
    "the river under the moon " * 200,
    "a drain that smells, and how a trap seals it",
]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("int8") / "small"
    whole = SparseEncoder(
        str(resolve("starter:splade-tiny").path), device="cpu", model_kwargs={"dtype": "float32"}
    )
    whole.prompts = {"query": "query: "}
    write_int8(whole, folder)
    return folder


def dense(vectors: list[SparseVector]) -> np.ndarray:
    rows = np.zeros((len(vectors), 30522), dtype=np.float32)
    for row, vector in zip(rows, vectors, strict=True):
        row[vector.indices] = vector.values
    return rows


def test_weights_are_nearly_those_of_the_whole_model(small: Path) -> None:
    whole = load_sparse("starter:splade-tiny", device="cpu", dtype="float32")
    rounded = load_sparse(str(small))
    wanted, found = dense(whole.encode_documents(TEXTS)), dense(rounded.encode_documents(TEXTS))
    likeness = (wanted * found).sum(axis=1) / np.linalg.norm(wanted, axis=1) / np.linalg.norm(found, axis=1)
    assert likeness.min() > 0.98
    assert not np.array_equal(wanted, found), "something was rounded"
    graph = (small / "splade-int8.onnx").stat().st_size
    weights = (resolve("starter:splade-tiny").path / "model.safetensors").stat().st_size
    assert graph < weights / 3


def test_neighbours_in_a_batch_hardly_change_a_text(small: Path) -> None:
    """Activations are rounded by the range of the batch, so that not every number is the same."""
    rounded = load_sparse(str(small))
    together = dense(rounded.encode_documents(TEXTS))
    alone = np.concatenate([dense(rounded.encode_documents([text])) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=0.3)


def test_the_prompt_of_queries_is_kept(small: Path) -> None:
    rounded = load_sparse(str(small))
    (asked,) = rounded.encode_queries(["boats"])
    (written,) = rounded.encode_documents(["query: boats"])
    np.testing.assert_array_equal(asked.indices, written.indices)


def test_a_revision_goes_by_the_graph(small: Path, tmp_path: Path) -> None:
    before = resolve(str(small)).revision
    other = tmp_path / "other"
    other.mkdir()
    for file in small.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    assert resolve(str(other)).revision == before
    (other / "splade-int8.onnx").write_bytes(b"damaged")
    assert resolve(str(other)).revision != before
    with pytest.raises(ModelError, match="cannot be read as a SPLADE model in int8"):
        load_sparse(str(other))


def test_what_is_missing_is_told(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependency, match=r"onnxruntime is not installed") as told:
        load_sparse(str(small))
    assert "augury[onnx]" in str(told.value)


def test_settings_that_cannot_be_read_are_told(small: Path, tmp_path: Path) -> None:
    (tmp_path / "splade-int8.onnx").write_bytes((small / "splade-int8.onnx").read_bytes())
    (tmp_path / SETTINGS).write_text(json.dumps([]), encoding="utf-8")
    with pytest.raises(ModelError, match="Make it again"):
        load_sparse(str(tmp_path))
