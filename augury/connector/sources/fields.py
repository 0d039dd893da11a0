"""Records of any shape become documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import DocumentError, SourceError
from ...schemas.document import Document
from .metadata import plain, storable, string
from .source import Item

_USUAL = {"id": ("_id", "id", "doc_id"), "text": ("text", "body", "content"), "title": ("title",)}
_ARTICLE = {"id": "an id", "text": "a text", "title": "a title"}


@dataclass(frozen=True)
class Fields:
    """``Fields(text="abstract")`` names the fields to read; None looks for the usual names.

    The usual names are ``_id``, ``id``, ``doc_id`` for the id; ``text``, ``body``, ``content`` for the
    text; ``title`` for the title, which may be absent.
    """

    id: str | None = None
    text: str | None = None
    title: str | None = None

    def named(self) -> dict[str, str | None]:
        """The names by role."""
        return {"id": self.id, "text": self.text, "title": self.title}


def document_from_record(record: Mapping[str, Any], fields: Fields, source: str) -> Item:
    """``document_from_record({"id": 1, "text": "..."}, Fields(), "file:1")``.

    What is neither id, text nor title becomes metadata, together with the content of a field
    ``metadata`` that holds an object.
    """
    try:
        return _document(record, fields, source)
    except DocumentError as error:
        return error.with_traceback(None)
    except RecursionError:
        return DocumentError(f"{source} is nested too deeply", "Flatten its metadata", source=source)


def check_columns(columns: Iterable[str], fields: Fields, source: str) -> None:
    """Raise ``SourceError`` if a table with these columns cannot give a single document."""
    try:
        _keys(list(columns), fields, source)
    except DocumentError as error:
        raise SourceError(error.what, error.fix) from error


def _document(record: Mapping[str, Any], fields: Fields, source: str) -> Document:
    keys = _keys(list(record), fields, source)
    doc_id = _id(record[keys["id"]], keys["id"], source)
    try:
        text = _string(record[keys["text"]], keys["text"])
        title = _string(record[keys["title"]], keys["title"]) if "title" in keys else ""
        metadata = _metadata({key: value for key, value in record.items() if key not in keys.values()})
    except ValueError as error:
        what, fix = error.args
        raise DocumentError(f"{source}: {what}", fix, doc_id=doc_id, source=source) from None
    if not text.strip() and not title.strip():
        raise DocumentError(
            f"{source}: the document is empty",
            "Give it a text, or leave it out",
            doc_id=doc_id,
            source=source,
        )
    return Document(id=doc_id, text=text, title=title, metadata=metadata, source=source)


def _keys(available: list[str], fields: Fields, source: str) -> dict[str, str]:
    """The record's key for each role; a title may be absent."""
    explicit = {role: name for role, name in fields.named().items() if name is not None}
    keys = {}
    for role, usual in _USUAL.items():
        names = (explicit[role],) if role in explicit else usual
        free = (name for name in names if role in explicit or name not in explicit.values())
        found = next((name for name in free if name in available), None)
        if found is not None:
            keys[role] = found
        elif role in explicit or role != "title":
            wanted = " or ".join(names)
            raise DocumentError(
                f"{source} has no field {wanted}; its fields are: {', '.join(map(repr, available))}",
                f"Name the field that holds {_ARTICLE[role]} with --{role}-field NAME",
                source=source,
            )
    return keys


def _id(value: Any, key: str, source: str) -> str:
    value = plain(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        found = "is empty" if value is None or isinstance(value, str) else f"is {value!r:.80}"
        raise DocumentError(
            f"{source}: the id in field {key!r} {found}",
            "Give every document a string or a whole number as its id, or name another field with --id-field",
            source=source,
        )
    try:
        return string(value, key)
    except ValueError as error:
        what, fix = error.args
        raise DocumentError(f"{source}: {what}", fix, source=source) from None


def _string(value: Any, key: str) -> str:
    value = plain(value)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"field {key!r} is no text but {type(value).__name__}", "Write it as a string")
    return string(value, key)


def _metadata(rest: dict[str, Any]) -> dict[str, Any]:
    nested = rest.pop("metadata", None)
    metadata = {string(key, key): storable(value, key) for key, value in rest.items()}
    if not isinstance(nested, Mapping):
        return metadata if nested is None else {**metadata, "metadata": storable(nested, "metadata")}
    for key, value in storable(nested, "metadata").items():
        if key in metadata and metadata[key] != value:
            raise ValueError(f"field {key!r} has another value inside 'metadata'", "Rename one of the two")
        metadata[key] = value
    return metadata
