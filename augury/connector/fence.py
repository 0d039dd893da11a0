"""What keeps writers and a re-index apart: nothing that is acknowledged may miss the new generation.

A re-index copies the current generation to a new one and goes on until both are the same. For its last pass
it closes the old one, by a note beside the old one's metadata, and then has the index's name lead to the new
one. A writer looks at the note after it has written: while the generation is open, the write came before the
last pass, which carries it over. Where it was closed, the writer waits for the outcome: after a swap its last
writes may be missing, and it goes on in the new generation, where what is there already is skipped.
"""

from __future__ import annotations

import time

from ..errors import IndexLocked, IndexMoved, IndexUnfinished
from ..schemas.reindex import Building
from .lease import held_by
from .store.base import Store

BUILDING = "augury_reindex"
"""The note on a generation that a re-index reads from."""
PREVIOUS = "augury_previous"
"""The note on a generation that took another's place: which one's."""
_EVERY_S = 1.0
_WAIT_S = 0.1


def building(store: Store) -> Building | None:
    """What is being made of a generation, or was made of it; None where nothing is."""
    note = store.note(BUILDING)
    return Building.model_validate(note) if note else None


def refuse_reindexing(store: Store, where: str) -> None:
    """Raise ``IndexLocked`` where a re-index reads from this generation, or another took its place."""
    if made := building(store):
        raise IndexLocked(
            f"{where} is being re-indexed, or was, as {made.to}, and its choices cannot change meanwhile",
            f"See how far it is: augury reindex {made.index} --status",
        )


class Fence:
    """``Fence(store, "kb").check()`` after a write; ``store`` stays with its generation."""

    def __init__(self, store: Store, where: str) -> None:
        self._store = store
        self._where = where
        self._looked = float("-inf")

    def now_and_then(self) -> None:
        """``check``, at most once a second: for those between the first and the last."""
        if time.monotonic() - self._looked >= _EVERY_S:
            self.check()

    def check(self) -> None:
        """Return once all that was written is sure to be in the new generation, where there will be one.

        Raises:
            IndexMoved: the index's name leads to the new generation.
            IndexUnfinished: what closed this one was killed.
        """
        while (made := building(self._store)) and made.closing:
            if self._store.current(made.alias) == made.to:
                raise IndexMoved(
                    f"{self._where} was re-indexed meanwhile: {made.to} took the place of "
                    f"{self._store.generation}",
                    f"Run the same command again on {made.index}; it writes what is missing there",
                )
            if held_by(self._store) is None:
                made = building(self._store)
                if made and made.closing and self._store.current(made.alias) != made.to:
                    raise IndexUnfinished(
                        f"A re-index of {self._where} was killed while it swapped",
                        f"Finish it: augury reindex {made.index} (or undo it with --abandon)",
                    )
                continue
            time.sleep(_WAIT_S)
        self._looked = time.monotonic()
