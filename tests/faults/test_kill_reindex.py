"""Kill -9 a re-index at any moment: the index is whole, and running it again finishes the rest."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import augury
from augury.connector.reindex.reindex import Reindex
from augury.errors import IndexUnfinished, UsageError
from tests.connector.reindex.places import documents
from tests.faults.reindex_child import opened, reindex
from tests.faults.test_kill import Contents, kill_after, same, start
from tests.hashing import HashingDense, HashingSparse
from tests.qdrant_rest import qdrant_rest

KILLS = 3
DOCUMENTS = 280  # two windows
MOMENTS = ("copying", "closed", "swapped")


def contents(where: str) -> Contents:
    found: Contents = {}
    with opened(where) as index:
        for records in index.store.scroll(vectors=("dense", "scenarios", "sparse")):
            found.update({str(record.id): (record.payload, dict(record.vectors)) for record in records})
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index as it was ingested, and beside it the same re-indexed without a kill."""
    folder = tmp_path_factory.mktemp("whole")
    with augury.open(folder / "before", dense=HashingDense(), sparse=HashingSparse()) as index:
        index.ingest(documents(DOCUMENTS))
    shutil.copytree(folder / "before", folder / "after")
    reindex(str(folder / "after"), "")
    return folder


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_a_step(whole: Path, tmp_path: Path, moment: str) -> None:
    where = str(tmp_path / "index")
    shutil.copytree(whole / "before", where)
    assert start("tests.faults.reindex_child", where, "", moment).wait() == -9
    _finished(where, moment, contents(str(whole / "before")), contents(str(whole / "after")))


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """An index on a server."""
    with qdrant_rest() as server:
        where = f"{server.url}/kb"
        with augury.open(where, dense=HashingDense(), sparse=HashingSparse()) as index:
            index.ingest(documents(DOCUMENTS))
        yield where


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_a_step_on_a_server(url: str, moment: str) -> None:
    before = contents(url)
    assert start("tests.faults.reindex_child", url, "kb-live", moment).wait() == -9
    _finished(f"{url}-live", moment, before, None)


def _finished(where: str, moment: str, before: Contents, after: Contents | None) -> None:
    if moment != "swapped":
        assert same(contents(where), before), "what is searched is as it was"
        with opened(where) as index:
            assert index.search("thing3")
            built = Reindex(index).status().built
            assert 0 < built <= len(before)
            if moment == "closed":
                with pytest.raises(
                    IndexUnfinished, match=r"killed while it swapped.*augury reindex .*--abandon"
                ):
                    index.ingest(documents(DOCUMENTS))
        report = reindex(where, "")
        assert report.swapped and report.written == len(before) - built, "only what was missing is done"
    else:
        with pytest.raises(UsageError, match="made with this profile already"):
            reindex(where, "")
    mine = contents(where)
    if after is not None:
        assert same(mine, after, 1e-5)
    with opened(where) as index:
        assert index.profile.sparse is not None and index.profile.sparse.model == "other-sparse"
        assert index.ingest(documents(DOCUMENTS)).documents.unchanged == DOCUMENTS
        back = Reindex(index, sparse=HashingSparse()).rollback()
        assert (back.written, back.deleted) == (0, 0)
    assert same(contents(where), before)


def test_killed_at_any_time(whole: Path, tmp_path: Path) -> None:
    before, after = contents(str(whole / "before")), contents(str(whole / "after"))
    shutil.copytree(whole / "before", tmp_path / "timed")
    started = time.perf_counter()
    assert start("tests.faults.reindex_child", str(tmp_path / "timed"), "", "").wait() == 0
    longest = time.perf_counter() - started
    moments = random.Random(5)
    seen: dict[str, Any] = {}
    for attempt in range(KILLS):
        where = str(tmp_path / f"killed-{attempt}")
        shutil.copytree(whole / "before", where)
        kill_after(start("tests.faults.reindex_child", where, "", ""), moments.uniform(0.3, 1.0) * longest)
        with opened(where) as index:
            swapped = index.store.generation == "2"
            seen[f"{swapped} {Reindex(index).status().building}"] = attempt
        assert same(contents(where), after if swapped else before, 1e-5)
        if not swapped:
            assert reindex(where, "").swapped
        assert same(contents(where), after, 1e-5)
        shutil.rmtree(where)
