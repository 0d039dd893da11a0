"""A collection as a server makes it: where its parts are kept, and how they are spread."""

from __future__ import annotations

from typing import Any

from qdrant_client import models

from ...errors import StoreError
from ...schemas.collection import CollectionSpec, SparseSpec, VectorSpec
from ...schemas.storage import Quantization, StorageProfile
from .server_wire import DISTANCES

_TENANT_EDGES = 16
"""Of the graph that each tenant has; Qdrant's default for the graph of a whole collection."""
_SHARED = {
    "shards": "shard_number",
    "replicas": "replication_factor",
    "write consistency": "write_consistency_factor",
}


def to_creation(spec: CollectionSpec) -> dict[str, Any]:
    """The arguments of ``QdrantClient.create_collection``, but for the name."""
    storage = spec.storage
    spread = {
        "shard_number": storage.shards,
        "replication_factor": storage.replicas,
        "write_consistency_factor": storage.write_consistency,
    }
    return {
        "vectors_config": {name: vector_params(given, spec) for name, given in spec.vectors.items()},
        "sparse_vectors_config": {name: sparse_params(given, storage) for name, given in spec.sparse.items()},
        "on_disk_payload": storage.on_disk("payload"),
        **{name: value for name, value in spread.items() if value is not None},
    }


def check_storage(spec: CollectionSpec, found: models.CollectionParams, where: str) -> None:
    """Raise ``StoreError``, naming both, where a collection that Augury did not finish was made otherwise."""
    wanted = spec.storage.made_with
    faults = [
        f"{name} {there}, not {wanted[name]}"
        for name, param in _SHARED.items()
        if wanted[name] is not None and (there := getattr(found, param)) != wanted[name]
    ]
    vectors = found.vectors if isinstance(found.vectors, dict) else {}
    for name, given in spec.vectors.items():
        if not given.hnsw or name not in vectors:
            continue
        kept, disk = _kind(vectors[name].quantization_config), bool(vectors[name].on_disk)
        if kept != spec.storage.quantization:
            faults.append(f"{name!r} with quantization {kept}, not {spec.storage.quantization}")
        if disk != spec.storage.on_disk("vectors"):
            places = ("on disk", "in memory")
            faults.append(f"{name!r} {places[not disk]}, not {places[disk]}")
    if faults:
        raise StoreError(
            f"{where} is there already and was made with {'; '.join(faults)}",
            "Leave these choices out, or choose another collection name",
        )


_USUAL = CollectionSpec(vectors={})


def vector_params(given: VectorSpec, spec: CollectionSpec = _USUAL) -> models.VectorParams:
    """How a vector is made, in a collection that is kept as ``spec`` says."""
    storage = spec.storage
    return models.VectorParams(
        size=given.size,
        distance=DISTANCES[given.distance],
        multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
        if given.multi
        else None,
        hnsw_config=_graph(given, spec),
        quantization_config=_quantization(storage) if given.hnsw else None,
        on_disk=given.on_disk or storage.on_disk("vectors"),
    )


def _graph(given: VectorSpec, spec: CollectionSpec) -> models.HnswConfigDiff:
    if not given.hnsw:
        return models.HnswConfigDiff(m=0)
    on_disk = spec.storage.on_disk("graph")
    if spec.tenant:  # every search is one tenant's, so each has a graph, and all together have none
        return models.HnswConfigDiff(m=0, payload_m=_TENANT_EDGES, on_disk=on_disk)
    return models.HnswConfigDiff(on_disk=on_disk)


def sparse_params(given: SparseSpec, storage: StorageProfile = _USUAL.storage) -> models.SparseVectorParams:
    """How a sparse vector is made."""
    return models.SparseVectorParams(
        index=models.SparseIndexParams(on_disk=storage.on_disk("sparse")),
        modifier=models.Modifier.IDF if given.idf else None,
    )


def _quantization(storage: StorageProfile) -> models.QuantizationConfig | None:
    pinned = storage.quantized_in_memory
    if storage.quantization == "int8":
        scalar = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=pinned)
        return models.ScalarQuantization(scalar=scalar)
    if storage.quantization == "binary":
        return models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=pinned))
    if storage.quantization == "product":
        product = models.ProductQuantizationConfig(compression=models.CompressionRatio.X16, always_ram=pinned)
        return models.ProductQuantization(product=product)
    return None


def _kind(found: Any) -> Quantization | str:
    if found is None:
        return "none"
    if isinstance(found, models.ScalarQuantization):
        return "int8"
    return "binary" if isinstance(found, models.BinaryQuantization) else "product"
