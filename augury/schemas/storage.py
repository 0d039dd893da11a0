"""How a server keeps a collection: in memory or on disk, whole or quantized, and on how many machines."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

StorageMode = Literal["memory", "disk"]
Quantization = Literal["none", "int8", "binary", "product"]
OnDisk = Literal["vectors", "graph", "sparse", "indexes", "payload"]


class StorageProfile(BaseModel):
    """``StorageProfile(mode="disk", quantization="int8", shards=3, replicas=2)``.

    ``mode`` is the one knob. ``memory`` keeps what a search reads in memory, and only payloads (read for the
    hits alone) on disk. ``disk`` keeps all of it on disk; what is quantized stays in memory. The
    ``*_on_disk`` choices override it one by one; ``graph`` is the HNSW graph, ``indexes`` those of payloads.

    ``shards``, ``replicas`` and ``write_consistency`` are left to the server where they are None. All of this
    holds from the making of a collection; only ``rescore`` and ``oversampling`` may change later: a search
    takes ``oversampling`` times the candidates by their quantized vectors and scores those by the whole ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: StorageMode = "memory"
    vectors_on_disk: bool | None = None
    graph_on_disk: bool | None = None
    sparse_on_disk: bool | None = None
    indexes_on_disk: bool | None = None
    payload_on_disk: bool | None = None
    quantization: Quantization = "none"
    quantized_in_memory: bool = True
    rescore: bool = True
    oversampling: float = Field(default=2.0, ge=1)
    shards: int | None = Field(default=None, ge=1)
    replicas: int | None = Field(default=None, ge=1)
    write_consistency: int | None = Field(default=None, ge=1, description="replicas that must acknowledge")

    @model_validator(mode="before")
    @classmethod
    def _from_mode(cls, given: Any) -> Any:
        """``Profile(storage="disk")`` is enough where nothing else is chosen."""
        return {"mode": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.write_consistency and self.write_consistency > (self.replicas or self.write_consistency):
            raise ValueError(
                f"a write consistency of {self.write_consistency} is more than the {self.replicas} replicas"
            )
        return self

    def on_disk(self, part: OnDisk) -> bool:
        """Whether a part is read from disk."""
        chosen: bool | None = getattr(self, f"{part}_on_disk")
        return chosen if chosen is not None else self.mode == "disk" or part == "payload"

    @property
    def made_with(self) -> dict[str, Any]:
        """The choices that hold from the making of a collection, by the names that messages use."""
        later = {"rescore", "oversampling"}
        return {
            "storage" if name == "mode" else name.replace("_", " "): value
            for name, value in self.model_dump(exclude=later).items()
        }
