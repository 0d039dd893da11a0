"""Turning one knob after the other, and keeping what helps on queries that did not choose it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...schemas.evaluation import Mean
from ..statistics import interval
from .knobs import Knob
from .rankings import Choice, Values

_SEED = 20_100_711


@dataclass(frozen=True)
class Turn:
    """What came of one knob. ``gain`` is None where nothing could be tried."""

    knob: Knob
    before: Choice
    best: Choice
    tried: int
    gain: Mean | None

    @property
    def helps(self) -> bool:
        """Whether the gain is above 0 with confidence."""
        return self.gain is not None and self.gain.low > 0 and self.best != self.before

    @property
    def after(self) -> Choice:
        """The choice that is gone on with."""
        return self.best if self.helps else self.before


def folds_of(count: int, folds: int) -> npt.NDArray[np.intp]:
    """``folds_of(10, 5)``: the fold of each of so many queries, equally large and drawn at random."""
    return np.random.default_rng(_SEED).permutation(np.arange(count) % folds)


def climb(
    values: Callable[[Choice], Values],
    knobs: Sequence[Knob],
    start: Choice,
    queries: npt.NDArray[np.intp],
    folds: int,
) -> list[Turn]:
    """``climb(values, knobs, start, queries, 5)[-1].after``: the choice to go on with.

    For each knob, every fold's queries are given the value that is best for the other folds. Only where that
    gains on the choice so far, with the 95 % interval above 0, is the knob turned, to the value that is best
    for all queries. Equal values stay where they are.

    Args:
        values: of a choice, one number for every query there is.
        queries: the positions of those that may be looked at.
    """
    fold = folds_of(len(queries), folds)
    turns: list[Turn] = []
    choice = start
    for knob in knobs:
        tries = [] if knob.why_not else [each for each in knob.tries(choice) if each != choice]
        if not tries:
            turns.append(Turn(knob, choice, choice, 0, None))
            continue
        tries = [choice, *tries]
        table = np.stack([values(each)[queries] for each in tries])  # (tries, queries)
        held = np.empty(len(queries))
        for number in range(folds):
            mine = fold == number
            held[mine] = table[np.argmax(table[:, ~mine].mean(axis=1))][mine]
        gains = held - table[0]
        low, high = interval(gains.tolist())
        turn = Turn(
            knob,
            choice,
            tries[int(np.argmax(table.mean(axis=1)))],
            len(tries),
            Mean(mean=float(gains.mean()), low=low, high=high),
        )
        turns.append(turn)
        choice = turn.after
    return turns
