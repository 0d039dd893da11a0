"""What reranking by a q-net costs: the q-net itself, the candidates' vectors, and the whole search.

python benchmarks/bench_rerank.py [BEIR_FOLDER] [--documents 1000] [--queries 100] [--json]

Three tables in one run. Scoring 1,000 candidates by a q-net of 6 hidden blocks, against bare matrix products
of the same shapes, and making a q-net for 16 tokens, alone and eight at a time. 1,000 candidate vectors with
the search and by id, from an embedded index of 5,000 random points. Searches with and without reranking 100
candidates. Weights are random, as the time does not depend on them: at width 384 the base is starter:minilm,
at 768 a BERT of 12 layers, as nothing of that size comes without a download.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel, BertConfig, PreTrainedTokenizerFast

import augury
from augury.connector.store.edge import EdgeStore
from augury.evaluation.beir import load_queries
from augury.models.hypencoder import Hypencoder, HypencoderNetwork
from augury.models.hypencoder_folder import HypencoderConfig
from augury.schemas.collection import CollectionSpec, VectorSpec
from augury.schemas.points import Nearest, Point, SearchRequest
from augury.schemas.profile import ChunkProfile, HypencoderProfile, Profile

DEFAULT = Path(os.environ.get("AUGURY_DATA", "../shared/data")) / "scifact"
POINTS = 5000
CANDIDATES = 1000
ROUNDS = 15
LAYERS = 6
TOKENS = 16
TOGETHER = 8
TARGET = 1.2


def taking_turns(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of every call; a busy moment hits all of them."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            spent[name].append(1000 * (time.perf_counter() - started))
    return spent


def minilm() -> HypencoderNetwork:
    return HypencoderNetwork.from_base("starter:minilm", hidden_layers=LAYERS).eval()


def random_bert() -> HypencoderNetwork:
    base = AutoModel.from_config(BertConfig())  # type: ignore[no-untyped-call]
    width = base.config.hidden_size
    widths = {"vector_dimensions": [width] * (LAYERS + 1) + [1]}
    config = HypencoderConfig(base="random", width=width, qnet_kwargs=widths)
    # The tokens are made up, so that no tokenizer is asked.
    return HypencoderNetwork(
        config, (base, base), PreTrainedTokenizerFast.__new__(PreTrainedTokenizerFast)
    ).eval()


BASES = {"starter:minilm": minilm, "a random BERT of 12 layers": random_bert}


def scoring(network: HypencoderNetwork, rounds: int) -> dict[str, float]:
    """Milliseconds of scoring, of the bare products, and of making q-nets alone and in a batch."""
    ids = torch.randint(1000, 2000, (TOGETHER, TOKENS))
    mask = torch.ones_like(ids)
    weights, biases = network.query_weights(ids[:1], mask[:1])
    items = torch.randn(CANDIDATES, network.dim)
    layers = [weight[0] for weight in weights]  # each (in, out)

    def products() -> torch.Tensor:
        values = items
        for layer in layers:
            values = values @ layer
        return values

    score: dict[str, Callable[[], object]] = {
        "score": lambda: network.score(weights, biases, items),
        "products": products,
    }
    making: dict[str, Callable[[], object]] = {
        "make_alone": lambda: network.query_weights(ids[:1], mask[:1]),
        "make_in_batch": lambda: network.query_weights(ids, mask),
    }
    spent = taking_turns(score, rounds) | taking_turns(making, max(5, rounds // 4))
    found = {name: statistics.median(times[1:]) for name, times in spent.items()}
    found["make_in_batch"] /= TOGETHER
    return found


def q_nets(rounds: int) -> list[dict[str, Any]]:
    """A row for each of the bases."""
    found = []
    with torch.inference_mode():
        for base, make in BASES.items():
            network = make()
            spent = scoring(network, rounds)
            found.append(
                {"width": network.dim, "base": base}
                | {f"{name}_p50_ms": round(time_ms, 2) for name, time_ms in spent.items()}
                | {"ratio": round(spent["score"] / spent["products"], 3), "target": TARGET}
            )
    return found


def fetching(width: int) -> dict[str, float]:
    """Milliseconds to search alone, with the candidates' vectors, and to fetch those by id afterwards."""
    rng = np.random.default_rng(0)
    spec = CollectionSpec(
        vectors={
            "dense": VectorSpec(size=width),
            "hypencoder": VectorSpec(size=width, distance="dot", hnsw=False, on_disk=True),
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        store = EdgeStore(Path(folder) / "index", create=True)
        store.ensure(spec)
        for start in range(0, POINTS, 250):
            rows = rng.standard_normal((250, width)).astype(np.float32)
            points = [
                Point(start + i, {name: rows[i] for name in spec.vectors}, {"doc_id": str(i)})
                for i in range(250)
            ]
            store.upsert(points)
        nearest = Nearest(rng.standard_normal(width).astype(np.float32), "dense")
        alone = SearchRequest(CANDIDATES, nearest, payload=("doc_id",))
        joined = SearchRequest(CANDIDATES, nearest, payload=("doc_id",), vectors=("hypencoder",))
        ids = [point.id for point in store.search(alone)]
        spent = taking_turns(
            {
                "search": lambda: store.search(alone),
                "search_with_vectors": lambda: store.search(joined),
                "by_id": lambda: store.vectors(ids, ("hypencoder",), payload=False),
            },
            ROUNDS,
        )
        store.close()
    found = {name: statistics.median(times) for name, times in spent.items()}
    found["with_the_search"] = found["search_with_vectors"] - found["search"]
    return {"width": width, **{f"{name}_p50_ms": round(value, 1) for name, value in found.items()}}


def searching(folder: Path, documents: int, queries: int) -> dict[str, Any]:
    """p50 and p95 of a search without and with reranking 100 candidates."""
    asked = list(load_queries(folder).values())[:queries]
    network = HypencoderNetwork.from_base("starter:minilm", hidden_layers=LAYERS, pooling="mean")
    model = Hypencoder(network, name="new", revision="1")
    profile = Profile(chunk=ChunkProfile(mode="none"), hypencoder=HypencoderProfile(model="new"))
    with (
        tempfile.TemporaryDirectory() as place,
        augury.open(Path(place) / "index", profile=profile, hypencoder=model) as index,
    ):
        index.ingest(islice(augury.open_source(str(folder)), documents))
        ways = {
            "without": augury.SearchOptions(),
            "rerank 100": augury.SearchOptions(rerank=100),
            "rerank 100, one branch": augury.SearchOptions(rerank=100, branches=("scenarios",)),
            "one branch": augury.SearchOptions(branches=("scenarios",)),
        }
        spent: dict[str, list[float]] = {name: [] for name in ways}
        stages: dict[str, list[float]] = {}
        for query in asked:
            for name, options in ways.items():
                timings = index.retriever.search(query, options).timings_ms
                spent[name].append(timings["total"])
                if name == "rerank 100":
                    for stage, value in timings.items():
                        stages.setdefault(stage, []).append(value)
    return {
        "searches": {
            name: {
                "p50_ms": round(statistics.median(times), 1),
                "p95_ms": round(statistics.quantiles(times, n=20)[-1], 1),
            }
            for name, times in spent.items()
        },
        "stages_of_rerank_100_p50_ms": {
            name: round(statistics.median(times), 1) for name, times in stages.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result: dict[str, Any] = {
        "threads": torch.get_num_threads(),
        "q_nets": q_nets(rounds=40),
        "vectors_of_1000_candidates": [fetching(width) for width in (384, 768)],
        **searching(arguments.folder, arguments.documents, arguments.queries),
    }
    if arguments.json:
        print(json.dumps(result))
        return
    for name, part in result.items():
        print(name.replace("_", " "))
        for row in part if isinstance(part, list) else [part]:
            cells = row.items() if isinstance(row, dict) else [("", row)]
            print("  " + "  ".join(f"{key} {value}" for key, value in cells))


if __name__ == "__main__":
    main()
