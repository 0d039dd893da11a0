"""What is written while an index is re-indexed is in the new generation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import augury
from augury.connector.reindex.reindex import Reindex
from augury.connector.store.connect import connect
from augury.errors import IndexMoved
from augury.schemas.connection import Connection
from augury.schemas.profile import Profile
from tests.connector.reindex.places import Place, contents, documents, unfloored
from tests.qdrant_rest import qdrant_rest

COUNT = 40


def alpha(value: float) -> Callable[[Profile], Profile]:
    return lambda old: old.model_copy(update={"scenarios": old.scenarios.model_copy(update={"alpha": value})})


class Interrupted:
    """Documents during whose first reading something else is done."""

    def __init__(self, found: list[augury.Document], meanwhile: Callable[[], object]) -> None:
        self._found = found
        self._meanwhile = meanwhile
        self._readings = 0

    def __iter__(self) -> Iterator[augury.Document]:
        self._readings += 1
        for number, document in enumerate(self._found):
            if self._readings == 1 and number == len(self._found) // 2:
                self._meanwhile()
            yield document


@pytest.fixture
def made(place: Place) -> Place:
    with place.open(profile=unfloored()) as index:
        index.ingest(documents(COUNT))
    return place


def test_an_ingest_that_a_swap_overtakes_goes_on_in_the_new_generation(made: Place) -> None:
    new = documents(COUNT + 20, edition=2)[5:]
    with made.open() as index:
        other = made.open() if made.client else index  # a folder has one opener
        source = Interrupted(new, lambda: augury.reindex(other, alpha(0.6), alias=made.alias))
        if not made.client:
            index.ingest(source, sync=True)
            assert index.store.generation == "2"
        else:  # by the collection's own name, which leads nowhere else
            with pytest.raises(IndexMoved, match=rf"Run the same command again on {made.alias}"):
                index.ingest(source, sync=True)
    with made.open(made.alias) as index:
        if made.client:
            index.ingest(new, sync=True)
        assert index.profile.scenarios.alpha == 0.6
        found = {str(payload["doc_id"]): payload["text"] for payload, _ in contents(index).values()}
        assert found == {document.id: document.text for document in new}
        assert index.ingest(new).documents.unchanged == len(new)


def test_a_writer_by_the_alias_is_taken_along(made: Place) -> None:
    if not made.client:
        pytest.skip("a folder has one opener")
    with made.open() as index:
        augury.reindex(index, alpha(0.6), alias=made.alias)
        Reindex(index).drop_old()
    new = documents(COUNT + 20, edition=2)[5:]
    with made.open(made.alias) as writer, made.open(made.alias) as other:
        source = Interrupted(new, lambda: augury.reindex(other, alpha(0.2)))
        writer.ingest(source, sync=True)
        assert writer.store.generation == other.store.generation
        found = {str(payload["doc_id"]): payload["text"] for payload, _ in contents(other).values()}
        assert found == {document.id: document.text for document in new}
        assert writer.profile.scenarios.alpha == 0.2
        once = Interrupted(documents(COUNT), lambda: Reindex(other).rollback())
        with pytest.raises(IndexMoved, match=r"re-indexed meanwhile.*Run the same command again"):
            writer.ingest(iter(once))


def _write_until(done: threading.Event, index: augury.Index, acknowledged: dict[str, str]) -> None:
    """Changes, adds and deletes documents; remembers what it was told is written."""
    round = 0
    while not done.is_set():
        round += 1
        kept = [
            augury.Document(id=f"w{i}", text=f"Passage w{i} of round {round if i % 2 else 0}.")
            for i in range(round % 7, round % 7 + 12)
        ]
        index.ingest(kept, sync=True)
        acknowledged.clear()
        acknowledged.update({document.id: document.text for document in kept})


@pytest.mark.parametrize("engine", ["edge", "rest"])
def test_no_document_is_lost_under_concurrent_writes(tmp_path: Path, engine: str) -> None:
    with qdrant_rest() as server:
        place = Place(tmp_path, connect(server.url, Connection()) if engine == "rest" else None)
        with place.open(profile=unfloored()) as index:
            index.ingest(documents(COUNT))
            if place.client:
                augury.reindex(index, alpha(0.9), alias=place.alias)
                Reindex(index).drop_old()
        with place.open(place.alias) as index:
            other = Place(tmp_path, connect(server.url, Connection())) if place.client else place
            other.name = place.name
            writer = other.open(other.alias) if place.client else index
            failed: list[BaseException] = []
            acknowledged: dict[str, str] = {}
            done = threading.Event()

            def write() -> None:
                try:
                    _write_until(done, writer, acknowledged)
                except BaseException as error:
                    failed.append(error)

            thread = threading.Thread(target=write)
            thread.start()
            reports = []
            try:
                for value in (0.6, 0.2):
                    reports.append(augury.reindex(index, alpha(value), tolerance=1.0))
                    time.sleep(0.5)  # the writer may still be in the old generation
                    if value == 0.6:
                        Reindex(index).drop_old()
            finally:
                done.set()
                thread.join()
            assert not failed, failed
            meanwhile = sum(report.caught_up + report.deleted for report in reports)
            assert meanwhile > 0, "nothing was written meanwhile"
            assert writer.store.generation == index.store.generation
            found = {str(payload["doc_id"]): payload["text"] for payload, _ in contents(index).values()}
            assert found == acknowledged
            alphas = {payload["fingerprint"].rpartition(":")[2] for payload, _ in contents(index).values()}
            assert alphas == {"0.2"}
            if writer is not index:
                writer.close()
