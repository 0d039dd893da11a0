"""When ``auto`` expands a query: the rule for "the first search is unsure"."""

from __future__ import annotations

from collections.abc import Mapping

from ...schemas.profile import BranchName
from .fuse import Ranked


def unsure(lists: Mapping[BranchName, Ranked], below: float) -> bool:
    """Whether the best passage is less similar to the query than ``below``; no passage is no doubt."""
    best = [lists[name][0][1] for name in ("scenarios", "dense") if lists.get(name)]
    return bool(best) and max(best) < below
