"""The profile an index was made with, against the one it is opened with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from ..errors import IndexUnfinished, ModelMismatch, StoreError, UsageError
from ..schemas.profile import Profile

ProfileChange = Profile | Callable[[Profile], Profile]
"""A profile, or a function that changes the one that is there."""


def changed(profile: Profile, change: ProfileChange | None) -> Profile:
    """The profile as it is wanted."""
    if change is None:
        return profile
    return change if isinstance(change, Profile) else change(profile)


def stored_profile(where: str, metadata: dict[str, Any] | None) -> Profile:
    """The profile that is stored with an index; ``StoreError`` if this version cannot read it."""
    try:
        return without_address(Profile.model_validate(metadata))
    except ValidationError as error:
        raise StoreError(
            f"The profile of {where} cannot be read ({error.error_count()} fields are not as expected)",
            "It was written by another version of Augury; use that version, or ingest into a new index",
        ) from error


def without_address(profile: Profile) -> Profile:
    """The profile without the LLM server's address: an index must not say where a user's key is sent."""
    return profile.model_copy(update={"llm": profile.llm.model_copy(update={"base_url": ""})})


def refuse_unfinished(profile: Profile, where: str, index: str) -> None:
    """Raise ``IndexUnfinished`` after an interrupted refold; ``index`` is what the command line calls it."""
    if profile.refolding is not None:
        raise IndexUnfinished(
            f"A refold of {where} to alpha {profile.refolding:g} was interrupted",
            f"Finish it: augury refold {index} --alpha {profile.refolding:g}",
        )


def reconcile(stored: Profile, wanted: Profile) -> Profile:
    """The profile an index goes on with: models, names and alpha cannot change under stored vectors.

    Chunking and the choice of scenario fields may: documents are made again as they are ingested.
    """
    for kind, old, new in (
        ("dense", stored.dense, wanted.dense),
        ("sparse", stored.sparse, wanted.sparse),
    ):
        before, after = (part.model if part else "none" for part in (old, new))
        if before != after:
            raise ModelMismatch(
                f"The index was made with the {kind} model {before}, not with {after}",
                f"Leave out --{kind}, or ingest into a new index",
            )
    own = [part.own_hypencoder.model if part.own_hypencoder else "" for part in (stored, wanted)]
    if own[0] != own[1]:
        raise ModelMismatch(
            f"The index was made with the hypencoder {own[0] or 'none'}, not with "
            f"{wanted.hypencoder.model if wanted.hypencoder else 'none'}",
            "Leave out --hypencoder, or ingest into a new index",
        )
    prompts = [(part.query_prompt, part.document_prompt) for part in (stored.dense, wanted.dense)]
    if prompts[0] != prompts[1]:
        raise ModelMismatch(
            f"The index was made with the prompts {prompts[0]} of {stored.dense.model}, not {prompts[1]}",
            "Use the same prompts, or ingest into a new index",
        )
    if stored.scenarios.alpha != wanted.scenarios.alpha:
        raise UsageError(
            f"The index is folded with alpha {stored.scenarios.alpha:g}, not {wanted.scenarios.alpha:g}",
            f"Change it with: augury refold INDEX --alpha {wanted.scenarios.alpha:g}",
        )
    for field, kind in wanted.indexes.items():
        if (before := stored.indexes.get(field, kind)) != kind:
            raise UsageError(
                f"{field} is indexed as {before} and cannot be indexed as {kind} too",
                f"Leave out --filter-field, or keep the type {before}",
            )
    if stored.tenant != wanted.tenant:
        apart = [part.tenant or "nothing" for part in (stored, wanted)]
        raise UsageError(
            f"The index tells tenants apart by {apart[0]}, not by {apart[1]}",
            "Leave out --tenant-field, or ingest into a new index",
        )
    kept = wanted.storage.made_with
    for name, before in stored.storage.made_with.items():
        if before != kept[name]:
            raise UsageError(
                f"The index was made with {name} {_said(before)}, not {_said(kept[name])}",
                "Leave that choice out, or ingest into a new index",
            )
    if (stored.names, stored.namespace, stored.payload) != (wanted.names, wanted.namespace, wanted.payload):
        raise UsageError(
            "The vector names, the payload keys and the id namespace of an index cannot change",
            "Ingest into a new index",
        )
    same: dict[str, Any] = {"dense": stored.dense, "sparse": stored.sparse}
    hypencoder = stored.hypencoder
    if hypencoder and wanted.hypencoder and hypencoder.model == wanted.hypencoder.model:
        same["hypencoder"] = hypencoder
    return wanted.model_copy(update=same)


def _said(choice: Any) -> str:
    if isinstance(choice, bool):
        return "on" if choice else "off"
    return "as it comes" if choice is None else str(choice)
