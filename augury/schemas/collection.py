"""What a store must hold: named vectors, sparse vectors and payload indexes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .storage import StorageProfile

Distance = Literal["cosine", "dot", "euclid"]
IndexKind = Literal["keyword", "integer", "float", "bool", "datetime", "geo", "text", "uuid"]


class VectorSpec(BaseModel):
    """A dense vector, or with ``multi`` a MaxSim multivector whose rows have ``size`` numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(ge=1)
    distance: Distance = "cosine"
    multi: bool = False
    hnsw: bool = True
    on_disk: bool = False


class SparseSpec(BaseModel):
    """A sparse vector; ``idf`` lets the engine weigh terms by rarity (BM25)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    idf: bool = False


class CollectionSpec(BaseModel):
    """``store.ensure(CollectionSpec(...))`` makes the collection or checks that it is like this.

    ``tenant`` is the one of ``indexes`` that every search filters by. ``storage`` only matters to an engine
    that makes the collection.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    vectors: dict[str, VectorSpec] = Field(default_factory=dict)
    sparse: dict[str, SparseSpec] = Field(default_factory=dict)
    indexes: dict[str, IndexKind] = Field(default_factory=dict)
    tenant: str | None = None
    storage: StorageProfile = StorageProfile()
