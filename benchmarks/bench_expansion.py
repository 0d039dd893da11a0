"""What an LLM's scenarios and expansion do to nDCG@10, and when ``auto`` should expand.

python -m benchmarks.bench_expansion INDEX FOLDER:SPLIT --llm-url URL [--json]

INDEX holds the collection, ingested with or without scenarios; the dense branch ranks as if it had none.
Passages are kept in the cache, so a second run asks nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import augury
from augury.evaluation.beir import load_qrels, load_queries
from augury.evaluation.measure import measure, to_run
from augury.schemas.expansion import ExpansionProfile
from augury.schemas.hit import SearchResult
from augury.schemas.profile import Profile
from benchmarks.expansions import ask_all

BRANCHES: dict[str, tuple[Any, ...]] = {
    "dense": ("dense",),
    "scenarios": ("scenarios",),
    "dense+sparse": ("dense", "sparse"),
    "scenarios+sparse": ("scenarios", "sparse"),
}
QUERY_WEIGHTS = (0.5, 0.8)
SCORES = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)
SHARED = (0, 1, 2, 3, 4, 5)
TOP = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("index")
    parser.add_argument("collection", metavar="FOLDER:SPLIT")
    parser.add_argument("--llm-url", default="")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    folder, _, split = arguments.collection.rpartition(":")
    queries, qrels = load_queries(Path(folder)), load_qrels(Path(folder), split)
    found: dict[str, Any] = {"queries": len(qrels), "ndcg": {}}
    searched: dict[tuple[str, float], dict[str, SearchResult]] = {}
    for weight in QUERY_WEIGHTS:
        change = partial(changed, url=arguments.llm_url, query_weight=weight)
        with augury.open(arguments.index, create=False, profile=change) as index:
            ask_all(index.profile.llm, index.profile.expansion, [queries[query] for query in qrels])
            for name, branches in BRANCHES.items():
                for mode in ("off", "llm"):
                    if mode == "off" and weight != QUERY_WEIGHTS[0]:
                        continue
                    options = augury.SearchOptions(
                        branches=branches, weights=dict.fromkeys(branches, 1.0), expand=mode, limit=100
                    )
                    results = index.retriever.search_batch([queries[query] for query in qrels], options)
                    searched[name, 1.0 if mode == "off" else weight] = dict(zip(qrels, results, strict=True))
    for (name, weight), by_query in searched.items():
        mean = measure(qrels, to_run(by_query))["nDCG@10"]
        found["ndcg"].setdefault(name, {})["plain" if weight == 1 else f"weight {weight:g}"] = round(mean, 4)
    found["auto"] = when_to_expand(
        qrels, searched["scenarios+sparse", 1.0], searched["scenarios+sparse", QUERY_WEIGHTS[0]]
    )
    print(json.dumps(found) if arguments.json else table(found))


def changed(profile: Profile, url: str, query_weight: float) -> Profile:
    """The index's profile with this server, the default expansion and this share of the query."""
    changes = profile.model_dump()
    changes["llm"]["base_url"] = url or changes["llm"]["base_url"]
    changes["expansion"] = ExpansionProfile(query_weight=query_weight)
    return Profile.model_validate(changes)


def when_to_expand(
    qrels: dict[str, dict[str, int]], plain: dict[str, SearchResult], expanded: dict[str, SearchResult]
) -> dict[str, dict[str, Any]]:
    """nDCG@10, and the share of queries expanded, for each rule of "the first search is unsure"."""
    runs = to_run(plain), to_run(expanded)
    before, after = (
        np.array([measure({query: qrels[query]}, run)["nDCG@10"] for query in qrels]) for run in runs
    )
    best = np.array([best_score(plain[query]) for query in qrels])
    common = np.array([in_both(plain[query]) for query in qrels])
    rules: dict[str, Callable[[], np.ndarray[Any, Any]]] = {
        "never": lambda: np.zeros(len(best), dtype=bool),
        "always": lambda: np.ones(len(best), dtype=bool),
        **{f"best score < {limit}": partial(np.less, best, limit) for limit in SCORES},
        **{f"in both top tens <= {count}": partial(np.less_equal, common, count) for count in SHARED},
        "an oracle": lambda: after > before,
    }
    return {
        name: {
            "expanded": round(float(np.mean(unsure())), 3),
            "nDCG@10": round(float(np.where(unsure(), after, before).mean()), 4),
        }
        for name, unsure in rules.items()
    }


def best_score(result: SearchResult) -> float:
    """The scenarios branch's best score."""
    places = (hit.explanation.branches.get("scenarios") for hit in result.hits)
    return max((place.score for place in places if place), default=0)


def in_both(result: SearchResult) -> int:
    """Hits that both branches have among their best ten."""
    places = [[place.rank for place in hit.explanation.branches.values()] for hit in result.hits]
    return sum(len(ranks) == 2 and max(ranks) <= TOP for ranks in places)


def table(found: dict[str, Any]) -> str:
    columns = list(next(iter(found["ndcg"].values())))
    lines = [
        f"{found['queries']} queries",
        "",
        f"{'nDCG@10':<20}" + "".join(f"{name:>12}" for name in columns),
    ]
    for name, row in found["ndcg"].items():
        lines.append(f"{name:<20}" + "".join(f"{row[column]:>12.4f}" for column in columns))
    lines += ["", f"{'expand when':<26}{'expanded':>10}{'nDCG@10':>10}"]
    for name, row in found["auto"].items():
        lines.append(f"{name:<26}{row['expanded']:>10.1%}{row['nDCG@10']:>10.4f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
