"""JSON objects of strings: the schema that is asked for, and what is read of an answer."""

from __future__ import annotations

import pytest

from augury.models.llm.answer import parse_strings, strings_schema


def test_prose_and_fences_around_an_object_are_passed_over() -> None:
    text = 'Sure!\n```json\n{"a": " one\\n two ", "b": "x", "c": 3}\n```'
    assert parse_strings(text, ["a", "b"]) == {"a": "one two", "b": "x"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no", "holds no JSON object"),
        ('{"a": }', "not the JSON object"),
        ('{"a": 1}', "a: a string is missing"),
    ],
)
def test_what_is_no_such_object_says_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_strings(text, ["a"])


def test_a_schema_is_strict() -> None:
    assert strings_schema({"a": 5}) == {
        "type": "object",
        "properties": {"a": {"type": "string", "maxLength": 5}},
        "required": ["a"],
        "additionalProperties": False,
    }
