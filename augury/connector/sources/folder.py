"""A folder of files, read recursively in the order of their paths."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ...errors import DocumentError, SourceError
from .single_file import SUFFIXES, read_file
from .source import Item
from .text_file import describe, printable

_LOOP = "links"


def read_folder(folder: Path, encoding: str, notes: list[str]) -> Iterator[Item]:
    """Every readable file is a document whose id is its path in the folder.

    Hidden files and folders are skipped. What is left out is told in ``notes`` at the end.
    """
    left_out: Counter[str] = Counter()
    for found in _walk(folder, left_out):
        if isinstance(found, DocumentError):
            yield found
        else:
            yield read_file(found, found.relative_to(folder).as_posix(), encoding)
    if loops := left_out.pop(_LOOP, 0):
        notes.append(f"{loops} links to a folder above them were not followed.")
    if left_out:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(left_out.items()))
        notes.append(f"{left_out.total()} files of kinds that cannot be read were left out: {kinds}.")


def count_files(folder: Path) -> int:
    """How many documents ``read_folder`` would yield."""
    return sum(1 for _ in _walk(folder, Counter()))


def check_folder(folder: Path) -> None:
    """Raise ``SourceError`` if there is nothing in the folder to read."""
    left_out: Counter[str] = Counter()
    if next(_walk(folder, left_out), None) is None:
        others = ", ".join(sorted(left_out))
        found = f"only files of other kinds ({others})" if others else "no files"
        raise SourceError(
            f"{folder} holds {found}",
            f"Put {' '.join(SUFFIXES)} files in it, or name a .jsonl, .csv or .parquet file itself",
        )


def _walk(root: Path, left_out: Counter[str]) -> Iterator[Path | DocumentError]:
    try:
        yield from _inside(root, left_out, (_identity(root),))
    except _Unreadable as error:
        raise SourceError(f"{root} cannot be read: {error}", "Check that you may read the folder") from error


class _Unreadable(Exception):
    """A folder that cannot be listed."""


def _inside(
    folder: Path, left_out: Counter[str], above: tuple[tuple[int, int], ...]
) -> Iterator[Path | DocumentError]:
    for name, is_folder in _listed(folder):
        path = folder / name
        if is_folder:
            try:
                identity = _identity(path)
                if identity in above:
                    left_out[_LOOP] += 1
                else:
                    yield from _inside(path, left_out, (*above, identity))
            except _Unreadable as error:
                shown = printable(str(path))
                yield DocumentError(
                    f"The folder {shown} cannot be read: {error}", "Check that you may read it", source=shown
                )
        elif path.suffix.lower() in SUFFIXES:
            yield path
        else:
            left_out[printable(path.suffix.lower()) or "no extension"] += 1


def _listed(folder: Path) -> list[tuple[str, bool]]:
    """Names and whether they are folders, so that whole paths come out sorted: ``a-b`` before ``a/b``."""
    try:
        with os.scandir(folder) as entries:
            visible = [(each.name, each.is_dir()) for each in entries if not each.name.startswith(".")]
    except OSError as error:
        raise _Unreadable(describe(error)) from error
    return sorted(visible, key=lambda entry: entry[0] + "/" * entry[1])


def _identity(folder: Path) -> tuple[int, int]:
    try:
        stat = folder.stat()
    except OSError as error:
        raise _Unreadable(describe(error)) from error
    return stat.st_dev, stat.st_ino
