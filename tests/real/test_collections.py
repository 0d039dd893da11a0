"""Real collections, end to end. Skipped where AUGURY_DATA (or ../shared/data) is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

import augury
from augury.evaluation.beir import load_qrels, load_queries
from augury.evaluation.measure import measure, to_run
from augury.schemas.profile import BranchName, ChunkProfile, Profile

pytestmark = [pytest.mark.real, pytest.mark.timeout(3600)]  # minutes of encoding, on one core


def run(index: augury.Index, queries: dict[str, str], branch: BranchName) -> dict[str, dict[str, float]]:
    options = augury.SearchOptions(limit=100, branches=(branch,))
    results = index.retriever.search_batch(list(queries.values()), options)
    return to_run(dict(zip(queries, results, strict=True)))


@pytest.mark.parametrize(("name", "expected"), [("scifact", 0.645), ("cranfield", 0.396)])
def test_dense_ranking_gives_the_known_figure_and_folding_nothing_changes_nothing(
    data_dir: Path, tmp_path: Path, name: str, expected: float
) -> None:
    folder = data_dir / name
    qrels = load_qrels(folder, "test")
    texts = load_queries(folder)
    queries = {query: texts[query] for query in qrels}
    profile = Profile(chunk=ChunkProfile(mode="none"), sparse=None)
    with augury.open(tmp_path / "index", profile=profile) as index:
        report = index.ingest(
            augury.open_source(str(folder)), scenarios="none", dead_letters=tmp_path / "dead"
        )
        counts = report.documents
        assert counts.read == counts.written + counts.failed
        assert all("is empty" in failure.reason for failure in report.failures)
        dense, folded = (run(index, queries, branch) for branch in ("dense", "scenarios"))
        assert measure(qrels, dense)["nDCG@10"] == pytest.approx(expected, abs=0.005)
        assert {query: list(found) for query, found in folded.items()} == {
            query: list(found) for query, found in dense.items()
        }
