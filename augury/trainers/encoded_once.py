"""Texts encoded once, in files: ``encoded(file, count, width, encode)``; killed, it goes on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .workplace import no_room, write_whole

_WINDOW = 1024
"""Texts between two notes of how far it is."""


def encoded(
    file: Path,
    ends: np.ndarray[Any, Any],
    width: int,
    encode: Callable[[slice], np.ndarray[Any, Any]],
    told: Callable[[int, int], None],
) -> np.ndarray[Any, Any]:
    """Rows of a file that is mapped into memory, (ends[-1], width).

    Args:
        ends: where the rows of each text end: 1, 2, 3 for texts of one row.
        encode: the rows of some texts, one after the other.
        told: called with texts done and all.

    Raises:
        ModelError: the disk does not hold the file.
    """
    note = file.with_suffix(".json")
    total = len(ends)
    shape = (int(ends[-1]) if total else 0, width)
    done = json.loads(note.read_text(encoding="utf-8")) if note.is_file() and file.is_file() else 0
    try:
        rows: np.ndarray[Any, Any] = (
            np.lib.format.open_memmap(file, mode="r+")
            if done
            else np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=shape)
        )
        if not done and hasattr(os, "posix_fallocate"):  # else a full disk would end the process
            with file.open("r+b") as opened:
                os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)
        while done < total:
            texts = slice(done, min(done + _WINDOW, total))
            begin = int(ends[texts.start - 1]) if texts.start else 0
            rows[begin : int(ends[texts.stop - 1])] = encode(texts)
            rows.flush()  # type: ignore[attr-defined]
            done = texts.stop
            write_whole(note, json.dumps(done))
            told(done, total)
    except OSError as error:
        raise no_room(file, error) from error
    return rows
