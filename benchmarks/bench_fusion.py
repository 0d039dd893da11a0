"""Which way of fusing two branches is the better default: nDCG@10 of each branch and of each fusion.

python benchmarks/bench_fusion.py FOLDER:SPLIT... [--json], as in ../shared/data/cranfield:test
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import augury
from augury.evaluation.beir import load_qrels, load_queries
from augury.evaluation.measure import measure, to_run
from augury.schemas.profile import ChunkProfile, Profile

CHOICES: dict[str, dict[str, Any]] = {
    "dense": {"branches": ("dense",)},
    "sparse": {"branches": ("sparse",)},
    "rrf": {"branches": ("scenarios", "sparse"), "fusion": "rrf"},
    "dbsf": {"branches": ("scenarios", "sparse"), "fusion": "dbsf"},
}


def ndcg(folder: Path, split: str) -> dict[str, float]:
    """Ingest the collection into a temporary index and measure each choice."""
    queries, qrels = load_queries(folder), load_qrels(folder, split)
    texts = [queries[query] for query in qrels]
    scenarios = folder / "scenarios.jsonl"
    profile = Profile(chunk=ChunkProfile(mode="none"))
    found = {}
    with (
        tempfile.TemporaryDirectory() as temporary,
        augury.open(Path(temporary) / "index", profile=profile) as index,
    ):
        index.ingest(augury.open_source(str(folder)), scenarios=scenarios if scenarios.exists() else "none")
        for name, options in CHOICES.items():
            results = index.retriever.search_batch(texts, augury.SearchOptions(**options))
            run = to_run(dict(zip(qrels, results, strict=True)))
            found[name] = round(measure(qrels, run)["nDCG@10"], 4)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("collections", nargs="+", metavar="FOLDER:SPLIT")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = {}
    for collection in arguments.collections:
        folder, _, split = collection.rpartition(":")
        found[Path(folder).name] = ndcg(Path(folder), split)
    if arguments.json:
        print(json.dumps(found))
        return
    print(f"{'':<24}" + "".join(f"{name:>8}" for name in CHOICES))
    for name, row in found.items():
        print(f"{name:<24}" + "".join(f"{row[choice]:>8.3f}" for choice in CHOICES))


if __name__ == "__main__":
    main()
