"""Writing through a store that fails in the ways servers do: a real engine behind a faulty door."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import augury
from augury.connector.store.edge import EdgeStore
from augury.errors import PointRejected, StoreTimeout, StoreUnavailable
from augury.schemas.points import Point
from tests.hashing import HashingDense, HashingSparse

DOCUMENTS = [augury.Document(id=f"d{i}", text=f"word{i} common text") for i in range(100)]


class FaultyStore(EdgeStore):
    """Counts the calls and refuses none; subclasses refuse some."""

    calls = 0

    def upsert(self, points: Sequence[Point]) -> None:
        self.calls += 1
        self.refuse(points)
        super().upsert(points)

    def refuse(self, points: Sequence[Point]) -> None:
        pass


class TooLarge(FaultyStore):
    def refuse(self, points: Sequence[Point]) -> None:
        if len(points) > 10:
            raise StoreTimeout("Too large", "Send less")


class Hanging(FaultyStore):
    def refuse(self, points: Sequence[Point]) -> None:
        raise StoreTimeout("Took too long", "Wait")


class AwayForAMoment(FaultyStore):
    def refuse(self, points: Sequence[Point]) -> None:
        if self.calls < 3:
            raise StoreUnavailable("Restarting", "Wait")


class NamesThePoison(FaultyStore):
    def refuse(self, points: Sequence[Point]) -> None:
        bad = [point.id for point in points if point.payload["doc_id"] == "d42"]
        if bad:
            raise PointRejected("A bad point", "Mend it", ids=bad)


class HidesThePoison(FaultyStore):
    def refuse(self, points: Sequence[Point]) -> None:
        if any(point.payload["doc_id"] == "d42" for point in points):
            raise PointRejected("Some point is bad", "Mend it")


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "index"


def opened(store: FaultyStore) -> augury.Index:
    return augury.Index("faulty", store, dense=HashingDense(), sparse=HashingSparse())


def test_a_batch_that_is_too_large_is_halved_until_it_passes(where: Path) -> None:
    with opened(TooLarge(where, create=True)) as index:
        report = index.ingest(DOCUMENTS)
        assert (report.documents.written, report.documents.failed) == (100, 0)
        assert index.store.count() == 100


def test_a_server_that_hangs_ends_the_run_soon(where: Path) -> None:
    store = Hanging(where, create=True)
    with opened(store) as index, pytest.raises(StoreTimeout) as caught:
        index.ingest(DOCUMENTS)
    assert caught.value.report.stopped
    assert store.calls < 20


def test_a_server_that_was_away_for_a_moment_costs_nothing(
    where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("augury.connector.ingest.patience._LONGEST_WAIT_S", 0)
    with opened(AwayForAMoment(where, create=True)) as index:
        assert index.ingest(DOCUMENTS).documents.written == 100


@pytest.mark.parametrize("kind", [NamesThePoison, HidesThePoison])
def test_a_poison_point_fails_alone(where: Path, kind: type[FaultyStore]) -> None:
    with opened(kind(where, create=True)) as index:
        report = index.ingest(DOCUMENTS)
        assert (report.documents.written, report.documents.failed) == (99, 1)
        assert report.failures[0].doc_id == "d42"
        assert index.store.count() == 99
