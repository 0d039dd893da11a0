"""Answers that are JSON objects: what to ask for, and how to read what comes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any


def object_in(text: str) -> str:
    """The JSON object of an answer; prose or fences around it are passed over. Raises ``ValueError``."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        raise ValueError("it holds no JSON object")
    return text[start : end + 1]


def strings_schema(lengths: Mapping[str, int]) -> dict[str, Any]:
    """The strict JSON schema of an object of strings, each with the most characters it may have."""
    return {
        "type": "object",
        "properties": {name: {"type": "string", "maxLength": most} for name, most in lengths.items()},
        "required": list(lengths),
        "additionalProperties": False,
    }


def parse_strings(text: str, names: Iterable[str]) -> dict[str, str]:
    """``parse_strings('{"passage": "..."}', ["passage"])``: these strings of an answer, on one line each.

    Raises ``ValueError``, with the reason, where it is no such object.
    """
    try:
        found = json.loads(object_in(text))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"it is not the JSON object asked for ({error})") from None
    strings: dict[str, str] = {}
    for name in names:
        if not isinstance(found.get(name), str):
            raise ValueError(f"it is not the JSON object asked for ({name}: a string is missing)")
        strings[name] = " ".join(found[name].split())
    return strings
