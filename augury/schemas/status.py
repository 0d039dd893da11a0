"""What ``augury status`` says of an index."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from .profile import Profile


class IndexStatus(BaseModel):
    """Counts and settings of an index. ``scenario_passages`` counts passages by their scenario state."""

    model_config = ConfigDict(frozen=True)

    index: str
    engine: str
    engine_version: str
    documents: int
    passages: int
    scenario_passages: dict[str, int] = Field(default_factory=dict)
    payload_indexes: dict[str, str] = Field(default_factory=dict)
    bytes_on_disk: int | None = None
    unfinished_refold: float | None = None
    profile: Profile
