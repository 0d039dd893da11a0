"""The Profile: every choice that an index was made with. It is stored with the index."""

from __future__ import annotations

import re
from typing import Literal, Self
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from .collection import CollectionSpec, IndexKind, SparseSpec, VectorSpec
from .document import digest
from .expansion import ExpansionProfile
from .fingerprint import Fingerprint
from .llm import LlmProfile, Sampling
from .payload_layout import PayloadLayout
from .scenario import ScenarioField
from .storage import StorageProfile

BranchName = Literal["scenarios", "dense", "sparse"]
FusionKind = Literal["rrf", "dbsf", "weighted"]
RerankKind = Literal["hypencoder", "cross-encoder"]
Reads = Literal["own", "dense"]
PoolKind = Literal["max", "soft"]
"""How a passage's scenarios become one score: the best one's, or a soft maximum of all."""

PAYLOAD_INDEXES: dict[str, IndexKind] = {
    "doc_id": "keyword",
    "chunk": "integer",
    "source": "keyword",
    "fingerprint": "keyword",
    "scenario_state": "keyword",
}
"""Every field that Augury itself filters or deletes by."""
METADATA = "metadata."
_FIELD = re.compile(r"[\w-]+(\.[\w-]+)*")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DenseProfile(_Part):
    """The dense encoder. ``revision`` and ``dim`` are filled in from the model when an index is made."""

    model: str = "starter:minilm"
    revision: str = ""
    dim: int = 0
    query_prompt: str = ""
    document_prompt: str = ""


class SparseProfile(_Part):
    """The sparse encoder: a SPLADE model, or ``bm25``, which needs none."""

    model: str = "bm25"
    revision: str = ""
    idf: bool = False


class HypencoderProfile(_Part):
    """A Hypencoder: the network that makes a q-net of a query. ``dim`` is the width that its q-nets read.

    ``reads`` says which vector that is: one of its ``own``, written by ingest, or the index's ``dense`` one,
    for a Hypencoder that was made for those vectors and then may come and go without a new ingest.
    """

    model: str
    revision: str = ""
    dim: int = 0
    reads: Reads = "own"


class ChunkProfile(_Part):
    """``sentences``: chunks of min_chars to max_chars that end where sentences end; ``none``: no cutting."""

    mode: Literal["sentences", "none"] = "sentences"
    min_chars: int = Field(default=500, ge=1)
    max_chars: int = Field(default=2000, ge=1)
    overlap: float = Field(default=0.15, ge=0, lt=0.5, description="share of max_chars repeated")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_chars > self.max_chars:
            raise ValueError(f"min_chars {self.min_chars} is more than max_chars {self.max_chars}")
        return self


class ScenarioProfile(_Part):
    """How scenarios are folded: row = alpha * passage + (1 - alpha) * scenario, both unit vectors."""

    alpha: float = Field(default=0.3, ge=0, le=1)
    fields: tuple[ScenarioField, ...] = ("need", "topic", "key_points", "explanation")
    max_per_passage: int = Field(default=16, ge=1)
    max_chars: int = Field(default=2000, ge=1, description="longer fields are cut")
    floor: float = Field(default=0.25, ge=-1, le=1, description="drop a scenario less similar to its passage")


class GenerationProfile(_Part):
    """How an LLM writes scenarios."""

    needs: int = Field(default=4, ge=1, le=16, description="most scenarios asked for per passage")
    passage_tokens: int = Field(default=8192, ge=16, description="longer passages are cut for the LLM")
    sampling: Sampling = Sampling(max_tokens=1024)


class VectorNames(_Part):
    """What the vectors are called in the collection."""

    dense: str = "dense"
    scenarios: str = "scenarios"
    sparse: str = "sparse"
    hypencoder: str = "hypencoder"


class Adoption(_Part):
    """What was added to a collection that belongs to an app; ``augury detach`` takes away just that.

    Attributes:
        layout: whose payloads they are: ``langchain``, ``llama-index``, ``haystack``, ``mcp`` or ``custom``.
        vectors: the named vectors that were added; the app's own may be searched too, but are never written.
        indexes: the payload indexes that were added.
        copy_of: the collection that this one copies, where a server cannot add vectors to it.
        alias: the alias that led to that collection and was moved to this one.
    """

    layout: str = "custom"
    vectors: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    copy_of: str = ""
    alias: str = ""


class RerankProfile(_Part):
    """Whether the best candidates are scored again, and by what.

    ``weight`` is the reranker's share of the final score; both shares are first scaled to 0 to 1. The default
    is the most that did no harm on any of six collections, most of which the reranker did not know
    (docs/benchmarks.md); where it was trained on the collection, more is better.
    """

    by: RerankKind | None = None
    cross_encoder: str = ""
    depth: int = Field(default=100, ge=1, description="candidates scored again")
    weight: float = Field(default=0.2, ge=0, le=1)


class SearchProfile(_Part):
    """What a search does when it is not told otherwise.

    The sparse weight is the one at which fusing is not worse than the best single branch on any of the
    collections of docs/results.md; ``augury tune`` finds that of yours.
    """

    branches: tuple[BranchName, ...] = ("scenarios", "sparse")
    fusion: FusionKind = "dbsf"
    rrf_k: int = Field(default=60, ge=1)
    weights: dict[BranchName, float] = Field(default={"sparse": 0.3}, description="1 where nothing is said")
    candidates: int = Field(default=100, ge=1, description="passages taken from each branch")
    exact: bool = Field(default=False, description="compare every vector even where there is a graph")
    pool: PoolKind = "max"
    pool_temperature: float = Field(default=0.1, gt=0, description="the lower, the nearer to the maximum")


class Tuned(_Part):
    """What the search settings were tuned on, and the measure before and (cross-validated) after."""

    dataset: str
    measure: str
    queries: int
    before: float
    after: float


class Profile(_Part):
    """``Profile()`` is the default: starter models, sentence chunks, folded scenarios and SPLADE.

    ``sparse=None`` leaves the sparse branch out, and there is a ``hypencoder`` only where one was named.
    ``indexes`` adds payload indexes for metadata fields,
    as ``{"metadata.year": "integer"}``. ``tenant`` names the metadata field that says whose a document is:
    then every document needs one, and every search is one tenant's. ``storage`` is how a server keeps it all.
    """

    version: Literal[1] = 1
    namespace: UUID = uuid5(NAMESPACE_URL, "augury")
    dense: DenseProfile = DenseProfile()
    sparse: SparseProfile | None = SparseProfile()
    hypencoder: HypencoderProfile | None = None
    chunk: ChunkProfile = ChunkProfile()
    scenarios: ScenarioProfile = ScenarioProfile()
    llm: LlmProfile = LlmProfile()
    generation: GenerationProfile = GenerationProfile()
    expansion: ExpansionProfile = ExpansionProfile()
    search: SearchProfile = SearchProfile()
    rerank: RerankProfile = RerankProfile()
    names: VectorNames = VectorNames()
    payload: PayloadLayout = PayloadLayout()
    adopted: Adoption | None = None
    indexes: dict[str, IndexKind] = Field(default_factory=dict)
    tuned: Tuned | None = None
    tenant: str | None = None
    storage: StorageProfile = StorageProfile()
    refolding: float | None = Field(default=None, description="the alpha of a refold that has not ended")

    @field_validator("tenant")
    @classmethod
    def _of_metadata(cls, field: str | None) -> str | None:
        if field is None:
            return None
        name = field.removeprefix(METADATA)
        if not _FIELD.fullmatch(name):
            raise ValueError(f"the tenant field {field!r} is no name of a metadata field, such as customer")
        return METADATA + name

    @model_validator(mode="after")
    def _tenant_is_text(self) -> Self:
        if self.tenant and (kind := self.indexes.get(self.tenant, "keyword")) != "keyword":
            raise ValueError(f"{self.tenant} names tenants, so it is indexed as keyword, not as {kind}")
        return self

    def collection(self) -> CollectionSpec:
        """The collection this profile needs; of an adopted one, what is searched in it."""
        vectors = {
            self.names.dense: VectorSpec(size=self.dense.dim),
            self.names.scenarios: VectorSpec(size=self.dense.dim, distance="dot", multi=True),
        }
        if self.own_hypencoder:
            vectors[self.names.hypencoder] = VectorSpec(
                size=self.own_hypencoder.dim, distance="dot", hnsw=False, on_disk=True
            )
        sparse = {self.names.sparse: SparseSpec(idf=self.sparse.idf)} if self.sparse else {}
        return CollectionSpec(
            vectors=vectors,
            sparse=sparse,
            indexes=self.payload_indexes,
            tenant=self.tenant,
            storage=self.storage,
        )

    @property
    def payload_indexes(self) -> dict[str, IndexKind]:
        """Every field that is indexed for filters: Augury's own and the user's."""
        if self.adopted:
            return {self.payload.path("scenario_state"): "keyword", **self.indexes}
        tenant: dict[str, IndexKind] = {self.tenant: "keyword"} if self.tenant else {}
        return {**PAYLOAD_INDEXES, **tenant, **self.indexes}

    @property
    def own_hypencoder(self) -> HypencoderProfile | None:
        """The Hypencoder, if passages have a vector of its own."""
        return self.hypencoder if self.hypencoder and self.hypencoder.reads == "own" else None

    def point_id(self, doc_id: str, chunk: int, tenant: str = "") -> str:
        """The id of a passage's point: the same on every machine and in every run, and no two tenants'."""
        namespace = uuid5(self.namespace, f"tenant:{tenant}") if tenant else self.namespace
        return str(uuid5(namespace, f"{chunk}:{doc_id}"))

    def fingerprint(self, doc_id: str, content_hash: str, scenarios: str) -> Fingerprint:
        """What a passage of this document is made from and with.

        Args:
            scenarios: the fingerprint of the scenario source for this document, or empty.
        """
        made_with = self.model_dump(
            mode="json",
            include={"dense": True, "sparse": True, "chunk": True, "scenarios": True},
            exclude={"scenarios": {"alpha"}},
        )
        if self.own_hypencoder:  # no key without one, so that indexes made before keep their fingerprints
            made_with["hypencoder"] = self.own_hypencoder.model_dump(mode="json")
        return Fingerprint(digest(doc_id, content_hash, made_with), scenarios, self.scenarios.alpha)
