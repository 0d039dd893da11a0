"""The generations that an open index had before it went on with another."""

from __future__ import annotations

from ..errors import IndexLocked
from .store.base import Store


class Past:
    """``Past().at(store, "kb@1")``: the store of a generation, which this process may have open already.

    The embedded engine must not open a folder twice, and searches may still be under way in one.
    """

    def __init__(self) -> None:
        self._stores: list[Store] = []

    def keep(self, store: Store) -> None:
        """Leave a store open until ``close``."""
        self._stores.append(store)

    def at(self, store: Store, generation: str) -> Store:
        """A generation of the index of ``store``, for the caller to close or keep."""
        for kept in self._stores:
            if kept.generation == generation:
                self._stores.remove(kept)
                return kept
        return store.at(generation)

    def passages(self, store: Store, generation: str) -> int:
        """How many passages a generation holds; 0 where it is not there, or is being made in this process."""
        for kept in self._stores:
            if kept.generation == generation:
                return kept.count()
        try:
            other = store.at(generation)
        except IndexLocked:
            return 0
        try:
            return other.count() if other.exists() else 0
        finally:
            other.close()

    def close(self) -> None:
        """Close what was kept."""
        while self._stores:
            self._stores.pop().close()
