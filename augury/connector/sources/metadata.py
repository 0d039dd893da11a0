"""Metadata values as JSON can hold them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np

_INT64 = 2**63  # a payload integer of Qdrant is signed and has 64 bits


def storable(value: Any, field: str) -> Any:
    """``storable(date(2020, 1, 2), "when")`` is ``"2020-01-02"``: the value as JSON and UTF-8 can hold it.

    Raises:
        ValueError: with what is wrong, naming the field, and what to do, as its two arguments.
    """
    value = plain(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return string(value, field)
    if isinstance(value, int):
        if -_INT64 <= value < _INT64:
            return value
        raise ValueError(f"field {field!r} is a number of more than 64 bits", "Write it as a string")
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        raise ValueError(f"field {field!r} is {value}, which JSON cannot hold", "Use null or leave it out")
    if isinstance(value, Mapping):
        return {string(key, field): storable(item, f"{field}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item, field) for item in value]
    raise ValueError(
        f"field {field!r} is {_article(type(value).__name__)}, which JSON cannot hold",
        "Write it as a string, a number, a list or an object",
    )


def plain(value: Any) -> Any:
    """The Python value of a numpy or pyarrow one; dates as ISO 8601 and decimals as floats."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    elif type(value).__module__.startswith("pyarrow") and hasattr(value, "as_py"):
        value = value.as_py()
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def string(value: Any, field: str) -> str:
    """A string that UTF-8 can hold. Raises ``ValueError`` as ``storable`` does."""
    if not isinstance(value, str):
        raise ValueError(f"field {field!r} has a key that is no string: {value!r:.80}", "Use strings as keys")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        broken = value[error.start].encode("ascii", "backslashreplace").decode()
        raise ValueError(
            f"field {field!r} holds half a character ({broken}), which UTF-8 cannot store",
            "Remove it, or write the whole character",
        ) from None
    return value


def _article(name: str) -> str:
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"
