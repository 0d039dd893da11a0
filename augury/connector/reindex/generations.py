"""The generations of an index: which there are, and the steps that make, swap, forget and drop them."""

from __future__ import annotations

import contextlib

from ...errors import IndexNotFound, UsageError
from ...schemas.reindex import Building, Generations
from ..fence import BUILDING, PREVIOUS, building
from ..lease import held_by
from ..past import Past
from ..store.base import Store

LAST = "augury_last_generation"
"""The note on a generation that says which one was made last."""


def overview(store: Store, past: Past, where: str) -> Generations:
    """What there is of an index. Nothing is changed."""
    made, before = building(store), str(store.note(PREVIOUS) or "")
    running = held_by(store)
    return Generations(
        index=where,
        current=store.generation,
        passages=store.count(),
        building=made.to if made else "",
        built=past.passages(store, made.to) if made else 0,
        closing=bool(made and made.closing),
        previous=before,
        previous_passages=past.passages(store, before) if before else 0,
        running=f"{running['what']} (process {running['process']} on {running['host']})" if running else "",
    )


def begin(store: Store, where: str) -> Building:
    """Note which generation is made of this one. An unfinished one is gone on with, and opened if closed."""
    made = building(store) or Building(to=following(store), alias=store.name, index=where)
    made = made.model_copy(update={"closing": False, "alias": store.name, "index": where})
    store.set_note(LAST, made.to)
    store.set_note(BUILDING, made.model_dump())
    return made


def following(store: Store) -> str:
    """A name that no generation ever had: somebody may still be searching one of that name.

    Raises ``UsageError`` where the index's name is not one that can lead to another generation.
    """
    return store.unused(str(store.note(LAST) or ""))


def refuse_superseded(store: Store, where: str) -> None:
    """Raise ``UsageError`` where the index's alias leads to what was made of this generation.

    So it is for whoever opens a collection by its own name after the swap.
    """
    made = building(store)
    if made and made.closing and store.current(made.alias) == made.to:
        raise UsageError(
            f"{where} is the old generation of {made.index}, which is {made.to} now",
            f"Go on with {made.index}",
        )


def close(store: Store, made: Building) -> None:
    """From now on what is written to this generation may miss the new one; writers wait for the outcome."""
    store.set_note(BUILDING, made.model_copy(update={"closing": True}).model_dump())


def open_again(store: Store, made: Building) -> None:
    """Let writers go on."""
    store.set_note(BUILDING, made.model_dump())


def swap(source: Store, target: Store) -> None:
    """Have the index's name lead to ``target``; ``source``, which is closed, stays until it is dropped."""
    target.set_note(LAST, source.note(LAST))
    target.set_note(PREVIOUS, source.generation)
    target.set_note(BUILDING, None)
    source.alias(target.generation)


def abandon(store: Store, past: Past, where: str) -> str:
    """Drop the unfinished generation and forget it. Returns its name."""
    made = building(store)
    if made is None:
        raise UsageError(f"No re-index of {where} is under way", "There is nothing to abandon")
    _drop(store, past, made.to)
    store.set_note(BUILDING, None)
    return made.to


def drop_previous(store: Store, past: Past, where: str) -> str:
    """Delete the generation whose place this one took. Returns its name."""
    before = previous(store, where)
    _drop(store, past, before)
    store.set_note(PREVIOUS, None)
    return before


def previous(store: Store, where: str) -> str:
    """The generation whose place this one took. Raises ``UsageError`` where there is none."""
    before = store.note(PREVIOUS)
    if not before:
        raise UsageError(
            f"{where} has no old generation: it was not re-indexed, or the old one was dropped",
            f"See what there is: augury reindex {where} --status",
        )
    return str(before)


def _drop(store: Store, past: Past, generation: str) -> None:
    """Delete a generation that the index's name does not lead to; one that is gone does not matter."""
    if generation == store.current():
        raise UsageError(f"{generation} is the current generation", "It is not dropped while searches use it")
    with contextlib.suppress(IndexNotFound):
        past.at(store, generation).drop()
