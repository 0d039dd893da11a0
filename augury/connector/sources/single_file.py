"""One file of text, Markdown, HTML or PDF is one document."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from ...errors import DocumentError
from .fields import Fields, document_from_record
from .html import html_text
from .pdf import read_pdf
from .source import Item
from .text_file import decode, describe, printable

SUFFIXES = (".md", ".markdown", ".txt", ".html", ".htm", ".pdf")

_HEADING = re.compile(r" {0,3}#[ \t]+(.*)")
_FENCE = re.compile(r" {0,3}(```|~~~)")


def read_file(path: Path, name: str, encoding: str) -> Item:
    """Read ``path`` as the document ``name``: its first heading, or else its stem, becomes the title."""
    source = printable(str(path))
    try:
        if not path.is_file() and path.exists():
            raise DocumentError(f"{source} is no ordinary file", "Leave it out", source=source)
        record = _record(path.read_bytes(), name, encoding, source)
    except OSError as error:
        return DocumentError(
            f"{source} cannot be read: {describe(error)}",
            "Check that it is there and may be read",
            doc_id=_doc_id(name),
            source=source,
        )
    except DocumentError as error:
        error.doc_id = _doc_id(name)
        return error.with_traceback(None)
    return document_from_record({"_id": name, **record}, Fields(), source)


def _doc_id(name: str) -> str | None:
    return name if printable(name) == name else None


def _record(raw: bytes, name: str, encoding: str, source: str) -> dict[str, Any]:
    file = PurePosixPath(name)
    extension = file.suffix.lower()
    metadata: dict[str, Any] = {"path": name, "extension": extension}
    if extension == ".pdf":
        title, text, metadata["pages"] = read_pdf(raw, source)
    elif extension in (".html", ".htm"):
        title, text = html_text(raw, encoding, source)
    else:
        text = decode(raw, encoding, source)
        title = "" if extension == ".txt" else _heading(text)
    if text.strip():
        title = title or file.stem
    return {"text": text, "title": title, "metadata": metadata}


def _heading(markdown: str) -> str:
    """The first first-level heading that is not inside a block of code."""
    fence = ""
    for line in markdown.splitlines():
        if match := _FENCE.match(line):
            fence = "" if fence == match[1] else fence or match[1]
        elif not fence and (match := _HEADING.fullmatch(line)):
            heading = match[1].rstrip()
            text = heading.rstrip("#")
            if not text or text[-1] in " \t":  # the hashes close the heading and are no part of it
                heading = text.rstrip()
            if heading:
                return heading
    return ""
