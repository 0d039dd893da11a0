"""Preference pairs from a file, and some of their queries held out: ``read_pairs("preferences.jsonl")``."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from ...errors import SourceError, TrainingDataError, UsageError
from ...schemas.preferences import PreferencePair
from ..data.near_duplicates import groups, normal
from ..data.split import THRESHOLD, assign


def read_pairs(data: str) -> tuple[list[PreferencePair], str]:
    """Every pair of the file, and its sha256.

    Raises:
        SourceError: it cannot be read, or holds no pair.
        TrainingDataError: a line that is none, with its number.
    """
    try:
        raw = Path(data).expanduser().read_bytes()
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise SourceError(f"{data} cannot be read: {error.strerror}", "Name a file of pairs") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{data} is not UTF-8 ({error.reason})", "Save the file as UTF-8") from error
    pairs = [
        _pair(data, number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()
    ]
    if not pairs:
        raise SourceError(f"{data} has no preference pair", "Make some: augury generate preferences --help")
    return pairs, hashlib.sha256(raw).hexdigest()


def split_pairs(
    pairs: Sequence[PreferencePair], share: float, seed: int
) -> tuple[list[PreferencePair], list[PreferencePair]]:
    """``train, held_out = split_pairs(pairs, 0.1, seed)``: queries that are alike are on one side.

    Raises ``UsageError`` where there are too few that differ.
    """
    sizes = Counter(normal(pair.query) for pair in pairs)
    group = groups(sizes, THRESHOLD)
    sides = assign(sizes, group, (1 - share, share, 0.0), seed)
    train, held = (
        [pair for pair in pairs if sides[group[normal(pair.query)]] == side] for side in ("train", "dev")
    )
    if not train or not held:
        raise UsageError(
            f"There are pairs of {len(sizes)} queries, too few that differ to hold any out",
            "Bring pairs of more queries",
        )
    return train, held


def _pair(data: str, number: int, line: str) -> PreferencePair:
    try:
        return PreferencePair.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        what = f"{where}: {first['msg']}" if where else first["msg"]
        raise TrainingDataError(
            f"Line {number} of {data} is no preference pair: {what}",
            "Write the lines that augury generate preferences writes",
        ) from error
