"""What an index holds, counted."""

from __future__ import annotations

from pathlib import Path

from ..schemas.profile import Profile
from ..schemas.status import IndexStatus
from .store.base import Store


def index_status(store: Store, profile: Profile, where: str) -> IndexStatus:
    """Counts and settings of the index that is called ``where``; loads no model."""
    info = store.info()
    scenario_state = profile.payload.path("scenario_state")
    states = {
        state: store.count({"must": [{"key": scenario_state, "match": {"value": state}}]})
        for state in ("complete", "missing", "off")
    }
    folder = Path(where)
    return IndexStatus(
        index=where,
        engine=info.engine,
        engine_version=info.version,
        documents=info.points  # an app's points do not tell which of them are of one document
        if profile.adopted
        else store.count({"must": [{"key": "chunk", "match": {"value": 0}}]}),
        passages=info.points,
        scenario_passages=states,
        payload_indexes=dict(info.indexes),
        bytes_on_disk=_bytes_on_disk(folder) if folder.is_dir() else None,
        unfinished_refold=profile.refolding,
        profile=profile,
    )


def _bytes_on_disk(folder: Path) -> int:
    return sum(_size(path) for path in folder.rglob("*"))


def _size(path: Path) -> int:
    stat = path.lstat()
    return stat.st_blocks * 512 if hasattr(stat, "st_blocks") else stat.st_size
