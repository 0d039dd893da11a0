"""Records of any shape become documents, or an error that names the field and the option."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from augury.connector.sources import Fields, document_from_record
from augury.errors import DocumentError
from augury.schemas.document import Document


def document(record: dict[str, Any], **fields: str) -> Document:
    item = document_from_record(record, Fields(**fields), "file:7")
    assert isinstance(item, Document), item
    return item


def error(record: dict[str, Any], **fields: str) -> DocumentError:
    item = document_from_record(record, Fields(**fields), "file:7")
    assert isinstance(item, DocumentError), item
    assert item.source == "file:7" and item.fix
    return item


@pytest.mark.parametrize("id_field", ["_id", "id", "doc_id"])
@pytest.mark.parametrize("text_field", ["text", "body", "content"])
def test_usual_names_are_found(id_field: str, text_field: str) -> None:
    found = document({id_field: "a", text_field: "words", "title": "T", "year": 2020})
    assert found == Document(id="a", text="words", title="T", metadata={"year": 2020}, source="file:7")


def test_the_first_usual_name_wins_and_the_others_are_metadata() -> None:
    found = document({"id": 5, "_id": "a", "content": "c", "text": "t"})
    assert (found.id, found.text, found.metadata) == ("a", "t", {"id": 5, "content": "c"})


def test_named_fields_are_read_and_no_field_twice() -> None:
    found = document({"key": 3, "title": "words", "id": "other"}, id="key", text="title")
    assert (found.id, found.text, found.title, found.metadata) == ("3", "words", "", {"id": "other"})


@pytest.mark.parametrize("role", ["id", "text", "title"])
def test_a_named_field_must_be_there(role: str) -> None:
    message = str(error({"id": 1, "text": "t", "title": "T"}, **{role: "nowhere"}))
    assert "nowhere" in message and "'id', 'text', 'title'" in message and f"--{role}-field" in message


def test_a_record_without_id_or_text_says_which_options_exist() -> None:
    assert "_id or id or doc_id" in (message := str(error({"text": "t"}))) and "--id-field" in message
    assert "--text-field" in str(error({"id": "a", "title": "T"}))


@pytest.mark.parametrize("bad", ["", "  ", None, 1.5, True, ["a"], {"a": 1}])
def test_an_id_is_a_string_or_a_whole_number(bad: object) -> None:
    assert "'id'" in str(error({"id": bad, "text": "t"}))


def test_a_number_becomes_a_string_id() -> None:
    assert document({"id": np.int64(12), "text": "t"}).id == "12"


def test_text_and_title_must_be_strings_or_null() -> None:
    assert "'text' is no text but int" in str(error({"id": "a", "text": 5}))
    assert "'title' is no text but list" in str(error({"id": "a", "text": "t", "title": ["T"]}))
    assert document({"id": "a", "text": None, "title": "T"}).text == ""


def test_an_empty_document_is_an_error_and_one_with_a_title_is_none() -> None:
    empty = error({"id": "a", "text": " \n", "title": ""})
    assert "the document is empty" in empty.what and empty.doc_id == "a"
    assert document({"id": "a", "text": "", "title": "T"}).title == "T"


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (date(2020, 1, 2), "2020-01-02"),
        (datetime(2020, 1, 2, 3, tzinfo=UTC), "2020-01-02T03:00:00+00:00"),
        (time(4, 5), "04:05:00"),
        (Decimal("1.5"), 1.5),
        (np.float32(0.5), 0.5),
        (np.array([1, 2]), [1, 2]),
        (pa.scalar(7), 7),
        ((1, "a", None, True), [1, "a", None, True]),
        ({"deep": [date(2020, 1, 2)]}, {"deep": ["2020-01-02"]}),
    ],
)
def test_metadata_is_made_fit_for_json(value: object, stored: object) -> None:
    assert document({"id": "a", "text": "t", "field": value}).metadata == {"field": stored}


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (math.nan, "'field'"),
        (math.inf, "'field'"),
        (Decimal("NaN"), "'field'"),
        ({"inner": [-math.inf]}, "'field.inner'"),
        (b"bytes", "a bytes"),
        ({1, 2}, "a set"),
        (object(), "an object"),
        ({1: "a"}, "key"),
        (2**63, "64 bits"),
        ("half \ud800", "\\ud800"),
        ({"half \udfff": 1}, "\\udfff"),
    ],
)
def test_metadata_that_json_cannot_hold_is_an_error(value: object, named: str) -> None:
    failure = error({"id": "a", "text": "t", "field": value})
    assert "'field" in failure.what and named in failure.what and failure.doc_id == "a"


@pytest.mark.parametrize("field", ["id", "text", "title"])
def test_half_a_character_is_an_error(field: str) -> None:
    record = {"id": "a", "text": "t", "title": "T", field: "x\ud800"}
    failure = error(record)
    assert f"'{field}'" in failure.what
    str(failure).encode()


def test_a_key_that_utf8_cannot_hold_is_an_error() -> None:
    str(error({"id": "a", "text": "t", "k\ud800": 1})).encode()


def test_metadata_in_an_object_is_merged() -> None:
    found = document({"id": "a", "text": "t", "year": 1, "metadata": {"tag": "x", "year": 1}})
    assert found.metadata == {"year": 1, "tag": "x"}
    assert document({"id": "a", "text": "t", "metadata": None}).metadata == {}
    assert document({"id": "a", "text": "t", "metadata": "x"}).metadata == {"metadata": "x"}
    assert (
        "'year' has another value" in error({"id": "a", "text": "t", "year": 1, "metadata": {"year": 2}}).what
    )


def test_a_bottomless_record_is_an_error() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert "nested too deeply" in error({"id": "a", "text": "t", "deep": deep}).what
