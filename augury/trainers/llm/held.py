"""Held-out rows that choose the best step, and others that judge: ``drawn_apart(held, 64, 32, seed)``."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from ...errors import UsageError

Row = TypeVar("Row")


def drawn_apart(held: Sequence[Row], choosing: int, judging: int, seed: int) -> tuple[list[Row], list[Row]]:
    """At most so many for each, drawn at random, none for both; few are shared out in the same proportion.

    Raises ``UsageError`` where there are fewer than two.
    """
    if len(held) < 2:
        raise UsageError(
            f"{len(held)} is held out, too few to choose the best step by one and judge the model by another",
            "Bring more data, or hold more of it out with --dev-share",
        )
    rows = random.Random(seed).sample(list(held), min(len(held), choosing + judging))
    cut = choosing
    if len(rows) < choosing + judging:
        cut = min(max(round(len(rows) * choosing / (choosing + judging)), 1), len(rows) - 1)
    return rows[:cut], rows[cut:]
