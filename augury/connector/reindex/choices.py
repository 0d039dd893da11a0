"""The profile that an index is to have, and what that means for each of its vectors."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...errors import UsageError
from ...schemas.profile import Profile
from ...schemas.reindex import VectorFate
from ..fold import MAX_ALPHA
from ..reconcile import ProfileChange, changed

_FIXED = ("namespace", "tenant", "names", "payload", "adopted")
_FOUND = ("revision", "dim", "idf")


class Kept(NamedTuple):
    """``Kept.between(old, new)``: which stored vectors go to the new generation as they are.

    ``scenarios`` are the vectors that are folded into rows, ``rows`` the rows themselves.
    """

    dense: bool
    sparse: bool
    hypencoder: bool
    scenarios: bool
    rows: bool

    @classmethod
    def between(cls, old: Profile, new: Profile) -> Kept:
        """A vector stays where what makes it and the text that it is made of do."""
        dense = _made_by(old.dense) == _made_by(new.dense)
        same_needs = dense and _without_alpha(old) == _without_alpha(new)
        same_alpha = old.scenarios.alpha == new.scenarios.alpha
        return cls(
            dense=dense,
            sparse=old.sparse is not None and old.sparse == new.sparse,
            hypencoder=old.own_hypencoder is not None and old.own_hypencoder == new.own_hypencoder,
            scenarios=same_needs and old.scenarios.alpha <= MAX_ALPHA,
            rows=same_needs and same_alpha,
        )

    def names(self, profile: Profile) -> tuple[str, ...]:
        """The stored vectors that are read; rows are unfolded by the dense one."""
        names = profile.names
        read = {
            names.dense: self.dense,
            names.scenarios: self.scenarios or self.rows,
            names.sparse: self.sparse,
            names.hypencoder: self.hypencoder,
        }
        return tuple(name for name, kept in read.items() if kept)

    def fates(self, old: Profile, new: Profile) -> dict[str, VectorFate]:
        """What becomes of each vector, by its name."""
        rows: VectorFate = "copied" if self.rows else "refolded" if self.scenarios else "re-encoded"
        fates: dict[str, VectorFate] = {
            new.names.dense: "copied" if self.dense else "re-encoded",
            new.names.scenarios: rows,
        }
        for name, kept, before, after in (
            (new.names.sparse, self.sparse, old.sparse, new.sparse),
            (new.names.hypencoder, self.hypencoder, old.own_hypencoder, new.own_hypencoder),
        ):
            if after:
                fates[name] = "copied" if kept else "re-encoded" if before else "new"
            elif before:
                fates[name] = "dropped"
        return fates


def wanted_profile(old: Profile, change: ProfileChange | None, where: str) -> Profile:
    """The profile with its changes; revisions and widths of other models are blank, to be found.

    Raises ``UsageError`` for what would make other points of the same documents.
    """
    new = changed(old, change)
    for part in _FIXED:
        if getattr(old, part) != getattr(new, part):
            said = "is an app's collection" if part == "adopted" else f"has another {part}"
            raise UsageError(
                f"The profile {said}, and a re-index of {where} keeps its own",
                f"Leave {part} out of the profile, or ingest into a new index",
            )
    update: dict[str, Any] = {"refolding": None}
    for kind in ("dense", "sparse", "hypencoder"):
        before, after = getattr(old, kind), getattr(new, kind)
        if before and after and before.model != after.model and before.revision == after.revision:
            blank = {name: type(after).model_fields[name].default for name in _FOUND if hasattr(after, name)}
            update[kind] = after.model_copy(update=blank)
    return new.model_copy(update=update)


def filled_in(new: Profile, found: Profile) -> Profile:
    """The profile with the revisions and widths that another one of the same models knows."""
    update = {}
    for kind in ("dense", "sparse", "hypencoder"):
        blank, known = getattr(new, kind), getattr(found, kind)
        if blank and known and not blank.revision and blank.model == known.model:
            there = {name: getattr(known, name) for name in _FOUND if hasattr(known, name)}
            update[kind] = blank.model_copy(update=there)
    return new.model_copy(update=update)


def _made_by(dense: Any) -> tuple[str, str, str]:
    """A query prompt makes no stored vector."""
    return dense.model, dense.revision, dense.document_prompt


def _without_alpha(profile: Profile) -> dict[str, Any]:
    return profile.scenarios.model_dump(exclude={"alpha"})
