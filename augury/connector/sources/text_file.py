"""Opening and decoding text: bytes that are not in the encoding are an error, never replaced."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from ...errors import DocumentError, SourceError

NAME_ENCODING = "Name its encoding with --encoding, for example --encoding windows-1252"

_BLOCK = 1 << 20
_ESCAPED = re.compile("[\udc80-\udcff]")  # where surrogateescape puts undecodable bytes (PEP 383)


def codec(encoding: str) -> str:
    """The codec to read with: a byte order mark in UTF-8 is no text. Raises ``SourceError``."""
    try:
        "".encode(encoding)
        name = codecs.lookup(encoding).name
    except (LookupError, UnicodeError) as error:
        raise SourceError(
            f"There is no text encoding {encoding!r}",
            "Use one that Python knows, for example --encoding utf-8, utf-16 or windows-1252",
        ) from error
    return "utf-8-sig" if name == "utf-8" else name


@contextmanager
def open_lines(path: Path, encoding: str) -> Iterator[IO[str]]:
    """A file as ``decoded`` gives it, unpacked if its name ends in ``.gz``."""
    try:
        raw = _open(path)
    except OSError as error:
        raise _unreadable(str(path), error) from error
    with raw, decoded(raw, str(path), encoding) as lines:
        yield lines


@contextmanager
def decoded(raw: IO[bytes], name: str, encoding: str) -> Iterator[IO[str]]:
    """Bytes as text with its line ends as they are; ``undecodable(line)`` tells which lines are broken.

    A stream that breaks off raises ``SourceError``. ``raw`` is left open.
    """
    lines = io.TextIOWrapper(raw, encoding=codec(encoding), errors="surrogateescape", newline="")
    try:
        yield lines
    except UnicodeError as error:  # encodings of more than one byte, which have no surrogateescape
        raise SourceError(f"{name} is not {encoding}: {error}", NAME_ENCODING) from error
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(name, error) from error
    finally:
        lines.detach()


def undecodable(text: str, encoding: str) -> str | None:
    """What is wrong with a line of ``decoded``, or None."""
    broken = _ESCAPED.search(text)
    return f"byte 0x{ord(broken[0]) - 0xDC00:02x} is not {encoding}" if broken else None


def count_lines(path: Path) -> int | None:
    """Lines in a file, by its bytes; None if it is compressed or no ordinary file."""
    if path.suffix.lower() == ".gz" or not path.is_file():
        return None
    lines, last = 0, b"\n"
    with path.open("rb") as raw:
        while block := raw.read(_BLOCK):
            lines += block.count(b"\n")
            last = block[-1:]
    return lines + (last != b"\n")


def decode(raw: bytes, encoding: str, source: str) -> str:
    """The text of a whole file. Raises ``DocumentError``."""
    try:
        text = raw.decode(codec(encoding))
    except UnicodeDecodeError as error:
        raise DocumentError(
            f"{source} is not {encoding}: {error.reason} at byte {error.start}", NAME_ENCODING, source=source
        ) from None
    if "\0" in text:
        raise DocumentError(
            f"{source} is a binary file, or text in another encoding",
            "Leave it out, or name its encoding with --encoding, for example --encoding utf-16",
            source=source,
        )
    return text


def printable(path: str) -> str:
    """A path whose bytes are not UTF-8, as it can be shown and stored."""
    return path.encode("utf-8", "backslashreplace").decode()


def describe(error: Exception) -> str:
    """The reason without Python's error number and file name."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix.lower() == ".gz" else path.open("rb")


def _unreadable(name: str, error: Exception) -> SourceError:
    return SourceError(f"{name} cannot be read: {describe(error)}", "Check that it is whole and may be read")
