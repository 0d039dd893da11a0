"""Where a collection cannot take more vectors, the index is a copy of it beside it.

Servers before 1.18 cannot add vectors. Newer ones can, but a collection whose one vector has no name then
becomes one of named vectors for good, which some tools refuse to open.

The copy has the same ids, vectors and payloads, and Augury's. Where the app reads named vectors through an
alias, the alias is moved to the copy; otherwise the app goes on with its collection, and each attach brings
the copy up to date.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ...schemas.attach import COPY_SUFFIX
from ...schemas.profile import Profile
from ..reconcile import without_address

if TYPE_CHECKING:
    from ..store.server import ServerStore

_PASSES = 5


class Copy:
    """``Copy(store)``: the copy of a collection; nothing is made before ``make``."""

    def __init__(self, store: ServerStore) -> None:
        self._original = store

    @cached_property
    def _real(self) -> str:
        """The collection's own name, also where it was opened by an alias."""
        return self._original.live.alias_of() or self._original.collection

    @cached_property
    def _moves(self) -> bool:
        """Whether the app reads through an alias that can lead to the copy: its vectors stay as they are
        only if they have names."""
        named = all(vector.name for vector in self._original.live.vectors())
        return named and self._real != self._original.collection

    @cached_property
    def store(self) -> ServerStore:
        """The store of the copy."""
        return self._original.beside(f"{self._real}{COPY_SUFFIX}")

    def index_of(self, where: str) -> str:
        """Where the index is found: under the alias, or under the copy's name."""
        if self._moves:
            return where
        return f"{where.rstrip('/').removesuffix(self._original.collection)}{self._real}{COPY_SUFFIX}"

    def sentence(self, why: str) -> str:
        """What will be done, for the plan, and why."""
        made = (
            f"{why}: copy {self._real} to {self._real}{COPY_SUFFIX}, with the same ids, vectors and payloads."
        )
        if self._moves:
            return f"{made} Then move the alias {self._original.collection} to the copy; {self._real} stays."
        return f"{made} The app goes on with {self._real}; this command brings the copy up to date."

    def make(self, profile: Profile) -> Profile:
        """Make the copy, or bring it up to date. Returns the profile it is searched with."""
        assert profile.adopted is not None
        adopted = profile.adopted.model_copy(update={"copy_of": self._real})
        profile = profile.model_copy(update={"adopted": adopted})
        source, target = self._original.beside(self._real).live, self.store.live
        if not self.store.exists():
            spec = profile.collection()
            target.make_like(
                source,
                spec.model_copy(
                    update={
                        "vectors": {
                            name: each for name, each in spec.vectors.items() if name in adopted.vectors
                        }
                    }
                ),
            )
        self.store.set_metadata(without_address(profile).model_dump(mode="json"))
        for _ in range(_PASSES):
            if not source.copy_to(target, profile.payload.own, adopted.vectors, missing_only=False):
                break
        return profile

    def take_over(self, profile: Profile) -> None:
        """Move the alias to the copy, where the app reads through one."""
        assert profile.adopted is not None
        if not self._moves:
            return
        alias = self._original.collection
        adopted = profile.adopted.model_copy(update={"alias": alias})
        moved = profile.model_copy(update={"adopted": adopted})
        self.store.set_metadata(without_address(moved).model_dump(mode="json"))
        source = self._original.beside(self._real).live
        self.store.live.move_alias(alias, self.store.collection)
        source.copy_to(self.store.live, profile.payload.own, adopted.vectors, missing_only=True)
