"""BM25 against bm25s, which sees the whole collection at once. Skipped without the collections."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bench_bm25 import PARAMETERS, compared

pytestmark = pytest.mark.real


@pytest.mark.parametrize(("k1", "b"), PARAMETERS)
def test_bm25_is_within_a_point_of_bm25s(data_dir: Path, k1: float, b: float) -> None:
    row = compared(data_dir / "cranfield", "test", k1, b)
    assert abs(row["difference"]) <= 0.01
    assert abs(row["Augury"] - row["bm25s, its own stop words"]) <= 0.01
    assert row["Augury"] > 0.35
