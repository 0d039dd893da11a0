"""Booleans in payloads of the embedded engine, stored as keywords so that filters can find them.

The Python binding of the engine turns ``MatchValue(True)`` into the integer 1, so a boolean in a payload
matches no filter at all. ``encode`` therefore replaces every boolean of a payload, in lists and nested
objects too, by a keyword that no text begins with by chance; ``decode`` brings it back. A string of the
user that begins like such a keyword is escaped, so payloads come back exactly as they were written.
"""

from __future__ import annotations

from typing import Any

_PREFIX = "augury:"
_TRUE = "augury:true"
_FALSE = "augury:false"
_ESCAPE = "augury:="


def encode(value: Any) -> Any:
    """``encode(payload)``: the JSON value as it is stored, booleans as keywords and tuples as lists."""
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    if isinstance(value, str):
        return _ESCAPE + value if value.startswith(_PREFIX) else value
    if isinstance(value, dict):
        return {key: encode(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [encode(inner) for inner in value]
    return value


def decode(value: Any) -> Any:
    """The inverse of ``encode``."""
    if isinstance(value, str):
        if not value.startswith(_PREFIX):
            return value
        if value.startswith(_ESCAPE):
            return value[len(_ESCAPE) :]
        return value == _TRUE
    if isinstance(value, dict):
        return {key: decode(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [decode(inner) for inner in value]
    return value
