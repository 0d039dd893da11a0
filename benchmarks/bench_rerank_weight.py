"""Which share of the final score a reranker should have: nDCG@10 by its weight, with the starter reranker.

python -m benchmarks.bench_rerank_weight ../shared/data --work results-work [--only NAME...]

DATA and the indexes are those of ``benchmarks.results``. The best 100 of the dense branch, and of the fused
default, are scored again. (-) is surely worse than without a reranker, (+) surely better.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from augury.connector.query.planner import SearchOptions
from augury.evaluation.dataset import open_dataset
from augury.evaluation.tuning.gather import gather
from augury.evaluation.tuning.rankings import Choice, Rankings, Values
from augury.schemas.profile import BranchName, SearchProfile
from benchmarks.bench_fusion import over_collections, print_ways
from benchmarks.results import index_of

WEIGHTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
DEPTH = 100
FUSED: tuple[tuple[BranchName, float], ...] = (("dense", 1.0), ("sparse", SearchProfile().weights["sparse"]))


def of_collection(folder: Path, work: Path, split: str) -> dict[str, Values]:
    """nDCG@10 of every query, by way: ``dense``, ``dense + rerank 0.1``, ``fused`` and so on."""
    dataset = open_dataset(folder, split=split)
    with index_of(folder, work / folder.name) as index:
        both = SearchOptions(branches=("dense", "sparse"), candidates=200, limit=1, rerank=DEPTH)
        queries = gather(index.retriever, dataset, lambda text: index.retriever.plan(text, both))
        rankings = Rankings(queries, dataset, index.retriever.plan("any", both), 100, 10)
    found = {}
    for name, weights in (("dense", FUSED[:1]), ("fused", FUSED)):
        plain = Choice(0.0, "max", 0.1, SearchProfile().fusion, weights, 60)
        found[name] = rankings.values(plain, "nDCG@10")
        for weight in WEIGHTS:
            choice = replace(plain, rerank_depth=DEPTH, rerank_weight=weight)
            found[f"{name} + rerank {weight:g}"] = rankings.values(choice, "nDCG@10")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    _, found = over_collections(parser, of_collection)
    ways = next(iter(found.values()))
    print_ways("reranker's weight", found, {way: (way.split(" ")[0],) for way in ways})


if __name__ == "__main__":
    main()
