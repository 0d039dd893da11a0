from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import augury
from augury.connector.ingest.ahead import ahead, encoder_texts
from augury.connector.ingest.readable import SourceItem
from augury.errors import SourceError
from augury.schemas.document import Document
from augury.schemas.profile import ChunkProfile, Profile, SparseProfile
from tests.hashing import HashingDense


def documents(count: int) -> list[Document]:
    return [Document(id=str(number), text=f"passage {number}") for number in range(count)]


@pytest.mark.parametrize("count", [0, 2, 3, 7])
def test_all_items_come_once_and_in_order(count: int) -> None:
    first, every = ahead(iter(documents(count)), 3)
    assert first == documents(count)[:3]
    assert list(every) == documents(count)


@pytest.mark.parametrize("good", [0, 2, 5])
def test_an_error_of_the_source_keeps_its_place(good: int) -> None:
    def source() -> Iterator[SourceItem]:
        yield from documents(good)
        raise SourceError("the source broke", "mend it")

    _, every = ahead(source(), 3)
    for expected in documents(good):
        assert next(every) == expected
    with pytest.raises(SourceError, match="broke"):
        next(every)


def test_documents_that_cannot_be_stored_are_left_out() -> None:
    bad = Document(id="bad", text="text", metadata={"when": object()})
    assert encoder_texts([bad, *documents(1)], ChunkProfile()) == ["passage 0"]


def test_bm25_measures_its_average_length_once(tmp_path: Path) -> None:
    profile = Profile(sparse=SparseProfile(model="bm25:k=0.9"))
    long, short = ("word " * 39 + "flow", "flow")
    with augury.open(tmp_path / "index", profile=profile, dense=HashingDense()) as index:
        index.ingest([Document(id="a", text=long), Document(id="b", text=short)])
        made = index.profile.sparse
        assert made is not None
        assert made.revision == "k=0.9,b=0.75,average_length=20,language=english"
    with augury.open(tmp_path / "index", dense=HashingDense()) as index:
        report = index.ingest([Document(id="a", text=long), Document(id="c", text="flow flow")])
        assert report.documents.unchanged == report.documents.written == 1
        assert index.profile.sparse == made
        assert index.search("flow", branches=("sparse",))[0].doc_id == "c"
