"""The text of a PDF."""

from __future__ import annotations

import io
from typing import NamedTuple

from ...errors import DocumentError


class Pdf(NamedTuple):
    """What a PDF holds. ``title`` is the one in its metadata, perhaps empty."""

    title: str
    text: str
    pages: int


def read_pdf(raw: bytes, source: str) -> Pdf:
    """Title, text and number of pages. Raises ``DocumentError``."""
    from pypdf import PdfReader
    from pypdf.errors import DependencyError

    try:
        reader = PdfReader(io.BytesIO(raw))
        if not reader.is_encrypted or reader.decrypt(""):
            texts = [page.extract_text() for page in reader.pages]
            title = str((reader.metadata and reader.metadata.title) or "")
        else:
            texts = None
    except DependencyError:
        texts = None
    except Exception as error:  # pypdf lets through whatever a broken file trips: KeyError, zlib.error, ...
        raise DocumentError(
            f"{source} is a broken PDF: {error or type(error).__name__}",
            "Open it in a PDF viewer and save it again, or leave it out",
            source=source,
        ) from error
    if texts is None:
        raise DocumentError(
            f"{source} is encrypted", "Save it without a password (qpdf --decrypt IN OUT)", source=source
        )
    text = _joined("\n\n".join(texts))
    if not text.strip():
        raise DocumentError(
            f"{source} has no text on its {len(texts)} pages; it may be scanned",
            "Recognise its text first (ocrmypdf IN OUT)",
            source=source,
        )
    return Pdf(" ".join(_joined(title).split()), text, len(texts))


def _joined(text: str) -> str:
    """Characters beyond the basic plane, which a font may map in two halves, made whole."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
