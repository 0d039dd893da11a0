"""What tuning an index found: each setting before and after, and what that is worth."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from .evaluation import Difference, Mean


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TunedSetting(_Part):
    """One setting. ``gain`` is that of the best value over ``before``, on queries that did not choose it.

    ``after`` equals ``before`` where the interval of the gain does not lie above 0, or nothing was tried;
    ``reason`` says which. ``best`` is the value that all queries together would choose.
    """

    name: str
    before: str
    after: str
    best: str = ""
    tried: int = 0
    gain: Mean | None = None
    reason: str = ""

    @property
    def changed(self) -> bool:
        """Whether the setting was given another value."""
        return self.before != self.after


class Tuning(_Part):
    """What ``augury tune`` found. ``difference`` is ``after`` minus ``before``.

    ``after`` is cross-validated: every query was searched as the other folds' queries alone would have it.
    """

    dataset: str
    measure: str
    queries: int
    folds: int
    before: Mean
    after: Mean
    difference: Difference
    settings: tuple[TunedSetting, ...]
    written: bool = False
    notes: tuple[str, ...] = ()
