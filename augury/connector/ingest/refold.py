"""Another alpha for a stored index, from its own vectors: no encoder, no LLM."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import numpy as np

from ...errors import IndexUnfinished, UsageError
from ...schemas.fingerprint import Fingerprint
from ...schemas.points import Payload, Point, Record
from ...schemas.profile import Profile
from ..fold import MAX_ALPHA, fold, unfold
from ..store.base import Store
from .write import batches

if TYPE_CHECKING:
    from ..store.server import ServerStore

_SCROLL = 256


def refold(
    store: Store, profile: Profile, alpha: float, *, progress: Callable[[int, int], None] | None = None
) -> Profile:
    """``profile = refold(store, profile, 0.5)`` rewrites every passage's rows and stores the new profile.

    Killed half-way, the index says so to whoever opens it, and the same call finishes it: each point's
    fingerprint names the alpha it is folded with.

    Args:
        alpha: 0 to ``MAX_ALPHA``.
        progress: called with the points done and the points in all.

    Raises:
        UsageError: alpha out of range, or the index was folded with alpha 1.
        IndexUnfinished: another refold has to be finished first.
    """
    if not 0 <= alpha <= MAX_ALPHA:
        raise UsageError(
            f"A refold to alpha {alpha!r} is refused, because the rows would lose their scenarios",
            f"Choose an alpha from 0 to {MAX_ALPHA}; to search passages alone use --branches dense",
        )
    if profile.scenarios.alpha > MAX_ALPHA:
        raise UsageError(
            f"The index was folded with alpha {profile.scenarios.alpha!r}, so its rows lost their scenarios",
            "Ingest again with --scenarios into a new index",
        )
    if profile.refolding is not None and profile.refolding != alpha:
        raise IndexUnfinished(
            f"A refold to alpha {profile.refolding:g} was interrupted",
            f"Finish it first: augury refold INDEX --alpha {profile.refolding:g}",
        )
    store.set_metadata(profile.model_copy(update={"refolding": alpha}).model_dump(mode="json"))
    total = store.count()
    done = 0
    names = tuple(store.info().vectors)
    put: Callable[[list[Point]], None] = store.upsert
    if profile.adopted:  # a server's; what is the app's is neither read nor written
        live, own = cast("ServerStore", store).live, profile.payload.own
        names = (profile.names.dense, profile.names.scenarios)

        def put(points: list[Point]) -> None:
            live.merge([_rows_alone(point, profile) for point in points], own)

    for records in store.scroll(vectors=names, batch=_SCROLL):
        points = [point for record in records if (point := _refolded(record, profile, alpha))]
        for batch in batches(points):
            put(batch)
        done += len(records)
        if progress:
            progress(done, total)
    store.flush()
    scenarios = profile.scenarios.model_copy(update={"alpha": alpha})
    changed = profile.model_copy(update={"scenarios": scenarios, "refolding": None})
    store.set_metadata(changed.model_dump(mode="json"))
    return changed


def _refolded(record: Record, profile: Profile, alpha: float) -> Point | None:
    """The point with its new rows, or None if it has them already."""
    own = profile.payload.own_of(record.payload)
    stored = Fingerprint.parse(str(own.get("fingerprint", "")))
    if stored is None or stored.alpha == alpha:
        return None
    passage = record.vectors[profile.names.dense]
    rows = record.vectors[profile.names.scenarios]
    assert isinstance(passage, np.ndarray) and isinstance(rows, np.ndarray)
    scenarios = unfold(passage, rows, stored.alpha) if own["scenarios"] else rows[:0]
    return Point(
        record.id,
        {**record.vectors, profile.names.scenarios: fold(passage, scenarios, alpha)},
        _with_fingerprint(record.payload, profile.payload.own, str(stored._replace(alpha=alpha))),
    )


def _with_fingerprint(payload: Payload, own: str, fingerprint: str) -> Payload:
    if own:
        return {**payload, own: {**payload[own], "fingerprint": fingerprint}}
    return {**payload, "fingerprint": fingerprint}


def _rows_alone(point: Point, profile: Profile) -> Point:
    name, own = profile.names.scenarios, profile.payload.own
    return Point(point.id, {name: point.vectors[name]}, {own: point.payload[own]})
