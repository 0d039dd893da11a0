"""Which way of fusing two branches is the better default: nDCG@10 by kind and weight of the sparse branch.

python -m benchmarks.bench_fusion ../shared/data --work results-work [--only NAME...] [--json]

DATA holds the collections as BEIR folders; the indexes are those of ``benchmarks.results``, made where they
are not there yet. (-) is worse than the best single branch, with the 95 % interval below 0, (+) better.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from augury.connector.query.planner import SearchOptions
from augury.evaluation.dataset import open_dataset
from augury.evaluation.statistics import interval
from augury.evaluation.tuning.gather import gather
from augury.evaluation.tuning.rankings import Choice, Rankings, Values
from augury.schemas.profile import FusionKind
from benchmarks.results import COLLECTIONS, index_of

KINDS: tuple[FusionKind, ...] = ("dbsf", "rrf", "weighted")
WEIGHTS = (0.2, 0.3, 0.4, 0.5, 0.7, 1.0)


def of_collection(folder: Path, work: Path, split: str) -> dict[str, Values]:
    """nDCG@10 of every query, by choice: ``dense``, ``sparse``, ``dbsf .4`` and so on."""
    dataset = open_dataset(folder, split=split)
    with index_of(folder, work / folder.name) as index:
        both = SearchOptions(branches=("dense", "sparse"), candidates=200, limit=1)
        queries = gather(index.retriever, dataset, lambda text: index.retriever.plan(text, both))
        rankings = Rankings(queries, dataset, index.retriever.plan("any", both), 100, 10)

    def values(kind: FusionKind, dense: float, sparse: float) -> Values:
        weights = (("dense", dense), ("sparse", sparse))
        searched = tuple((name, weight) for name, weight in weights if weight)
        return rankings.values(Choice(0.0, "max", 0.1, kind, searched, 60), "nDCG@10")  # type: ignore[arg-type]

    found = {"dense": values("rrf", 1, 0), "sparse": values("rrf", 0, 1)}
    for kind in KINDS:
        found |= {f"{kind} {weight:g}": values(kind, 1, weight) for weight in WEIGHTS}
    return found


def over_collections(
    parser: argparse.ArgumentParser, measured: Callable[[Path, Path, str], dict[str, Values]]
) -> tuple[argparse.Namespace, dict[str, dict[str, Values]]]:
    """What is asked for, and the ways' values of each collection."""
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    arguments = parser.parse_args()
    return arguments, {
        name: measured(arguments.data / name, arguments.work, split)
        for name, split in COLLECTIONS.items()
        if not arguments.only or name in arguments.only
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    arguments, found = over_collections(parser, of_collection)
    if arguments.json:
        means = {
            name: {way: float(values.mean()) for way, values in each.items()} for name, each in found.items()
        }
        print(json.dumps(means))
        return
    print_ways("sparse weight", found, {name: ("dense", "sparse") for name in next(iter(found.values()))})


def print_ways(head: str, found: dict[str, dict[str, Values]], against: dict[str, tuple[str, ...]]) -> None:
    """A row for each way in ``against``, with a minus where it is surely worse than the best of those."""
    print(f"| {head} | {' | '.join(found)} | mean |")
    print("|---" * (len(found) + 2) + "|")
    for way, others in against.items():
        cells = [_cell(each, way, others) for each in found.values()]
        mean = np.mean([each[way].mean() for each in found.values()])
        print(f"| {way} | {' | '.join(cells)} | {mean:.3f} |")


def _cell(values: dict[str, Values], way: str, others: tuple[str, ...]) -> str:
    best = max(others, key=lambda name: values[name].mean())
    low, high = interval((values[way] - values[best]).tolist())
    return f"{values[way].mean():.3f}{' (-)' if high < 0 else ' (+)' if low > 0 else ''}"


if __name__ == "__main__":
    main()
