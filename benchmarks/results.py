"""What each part of a search is worth on real test collections: writes docs/results.md.

python -m benchmarks.results ../shared/data --work results-work [--only NAME...]
    [--llm-url URL [--llm-model NAME] [--expansion-only]]

DATA holds the collections as BEIR folders; a folder may have a ``teacher_scenarios.jsonl``. Indexes and
finished collections stay in the work folder, so that a run that was stopped goes on where it was. What was
chosen by looking at queries is never reported on the same queries: settings come from a train split, or are
cross-validated. With an LLM's URL each collection is also searched with expansion, if it was not yet; with
``--expansion-only`` it is the only table that is made anew, and the rest of the page stays.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import augury
from augury.connector.query.planner import SearchOptions
from augury.evaluation.ablate import ablate, differences
from augury.evaluation.dataset import Dataset, open_dataset
from augury.evaluation.evaluate import evaluate
from augury.evaluation.tuning.knobs import ALPHAS
from augury.evaluation.tuning.tune import tune
from augury.schemas.evaluation import Evaluation
from augury.schemas.llm import LlmProfile
from augury.schemas.profile import ChunkProfile, HypencoderProfile, Profile, RerankProfile, ScenarioProfile
from augury.schemas.scenario import ScenarioField
from benchmarks.alphas import by_alpha
from benchmarks.expansions import ask_all
from benchmarks.results_page import EXPANSION, expansion, page
from benchmarks.training import write_table

COLLECTIONS = {
    "scifact": "test",
    "cranfield": "test",
    "cisi": "test",
    "vaswani": "test",
    "cosqa": "dev",
    "eedi_misconceptions": "dev",
}
MEASURES = ("nDCG@10", "R@100")
TUNED_ON = 1000
"""Train queries that settings are tuned on, where there are more."""
SINGLE = ("dense", "sparse", "scenarios", "fused")
SCENARIOS = "teacher_scenarios.jsonl"
RERANKER = HypencoderProfile(model="starter:hypencoder-minilm", reads="dense")
FIELDS: dict[str, tuple[ScenarioField, ...]] = {
    "need, topic": ("need", "topic"),
    "need, topic, key points, explanation": ("need", "topic", "key_points", "explanation"),
    "need, document, topic, key points, explanation": (
        "need",
        "document",
        "topic",
        "key_points",
        "explanation",
    ),
}


def index_of(
    folder: Path, where: Path, fields: tuple[ScenarioField, ...] | None = None, llm: LlmProfile | None = None
) -> augury.Index:
    """The collection's index, one passage a document; with scenarios where fields of them are named."""
    scenarios = ScenarioProfile(fields=fields) if fields else ScenarioProfile()

    def reset(profile: Profile) -> Profile:
        """The settings of a search as they are by default, whatever an earlier run left, and a reranker."""
        update = {
            "search": Profile().search,
            "rerank": RerankProfile(),
            "hypencoder": RERANKER,
            "llm": llm or LlmProfile(),
            "tuned": None,
        }
        return profile.model_copy(update=update)

    made = (where / "augury.json").exists()
    new = reset(Profile(chunk=ChunkProfile(mode="none"), scenarios=scenarios))
    index = augury.open(where, profile=reset if made else new)
    report = index.ingest(augury.open_source(str(folder)), scenarios=folder / SCENARIOS if fields else "none")
    counts = report.documents
    print(
        f"{where.name}: {counts.written} written, {counts.unchanged} unchanged, {counts.failed} failed",
        file=sys.stderr,
    )
    return index


def of_collection(folder: Path, work: Path, split: str) -> dict[str, Any]:
    """Each branch, the default, and the default with settings that other folds' queries chose."""
    dataset = open_dataset(folder, split=split)
    with index_of(folder, work / folder.name) as index:
        ablation = ablate(index, dataset, MEASURES)
        found = {row.name: row.evaluation for row in ablation.rows}
        tuned = tune(index, dataset, write=False)
    return {
        "queries": len(dataset.queries),
        "rows": _rows(found),
        "against_best": _against_best({name: each for name, each in found.items() if name in SINGLE}),
        "tuned": tuned.model_dump(mode="json"),
        "notes": list(dict.fromkeys(note for each in found.values() for note in each.notes)),
    }


def of_scenarios(folder: Path, work: Path, split: str) -> dict[str, Any]:
    """The same with scenarios: their fields, alpha and all settings are chosen on the train split."""
    train, dataset = open_dataset(folder, split="train"), open_dataset(folder, split=split)
    chosen = _chosen(folder, work, train)
    best = max(chosen, key=lambda name: max(chosen[name].values()))
    alpha = max(chosen[best], key=lambda each: chosen[best][each])
    where = work / f"{folder.name}-{len(FIELDS[best])}-fields"
    with index_of(folder, where, FIELDS[best]) as index:
        if index.profile.scenarios.alpha != alpha:
            index.refold(alpha)
        alone = SearchOptions(branches=("scenarios",))
        ways = {
            "dense": SearchOptions(branches=("dense",)),
            "sparse": SearchOptions(branches=("sparse",)),
            "scenarios": alone,
            "scenarios, soft maximum": alone.model_copy(update={"pool": "soft"}),
            "fused": SearchOptions(),
            "scenarios + rerank": alone.model_copy(update={"rerank": 100}),
            "fused + rerank": SearchOptions(rerank=100),
        }
        found = {name: evaluate(index, dataset, way, MEASURES) for name, way in ways.items()}
        tuned = tune(index, train.limited(TUNED_ON))
        found["tuned on train, not reranked"] = evaluate(index, dataset, SearchOptions(rerank=0), MEASURES)
        found["tuned on train"] = evaluate(index, dataset, None, MEASURES)
        settings = index.profile.search.model_dump(mode="json") | {"alpha": index.profile.scenarios.alpha}
    return {
        "queries": len(dataset.queries),
        "train_queries": len(train.queries),
        "chosen": {"fields": best, "alpha": alpha, "tried": chosen},
        "rows": _rows(found),
        "against_best": _against_best({name: each for name, each in found.items() if name in SINGLE}),
        "against_scenarios": _against("scenarios", found),
        "tuned": tuned.model_dump(mode="json"),
        "settings": settings,
    }


def of_expansion(folder: Path, work: Path, split: str, llm: LlmProfile) -> dict[str, Any]:
    """The default with each query expanded, against the default."""
    dataset = open_dataset(folder, split=split)
    with index_of(folder, work / folder.name, llm=llm) as index:
        model = ask_all(llm, index.profile.expansion, list(dataset.queries.values()))
        found = {
            "fused": evaluate(index, dataset, SearchOptions(expand="off"), MEASURES),
            "expanded": evaluate(index, dataset, SearchOptions(expand="llm"), MEASURES),
        }
        weight = index.profile.expansion.query_weight
    means = {name: each.measures["nDCG@10"].model_dump() for name, each in found.items()}
    return {"model": model, "query_weight": weight, **means, **_against("fused", found)["expanded"]}


def _chosen(folder: Path, work: Path, train: Dataset) -> dict[str, dict[float, float]]:
    """nDCG@10 of the folded branch alone on the train queries, by the scenarios' fields and alpha."""
    done = work / "chosen" / f"{folder.name}.json"
    told = json.loads(done.read_text(encoding="utf-8")) if done.exists() else {}
    found = {name: {float(alpha): value for alpha, value in each.items()} for name, each in told.items()}
    for name, fields in FIELDS.items():
        if name not in found:
            with index_of(folder, work / f"{folder.name}-{len(fields)}-fields", fields) as index:
                means = by_alpha(index, train).mean(axis=1)
                found[name] = dict(zip(ALPHAS, means.round(4).tolist(), strict=True))
            done.parent.mkdir(exist_ok=True)
            done.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return found


def _values(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    return {
        measure: {outcome.query_id: outcome.values[measure] for outcome in evaluation.outcomes}
        for measure in MEASURES
    }


def _rows(found: dict[str, Evaluation]) -> list[dict[str, Any]]:
    against = differences({name: _values(each) for name, each in found.items()})
    return [
        {
            "name": name,
            "measures": {measure: each.measures[measure].model_dump() for measure in MEASURES},
            "difference": {measure: value.model_dump() for measure, value in against[name].items()},
            "latency": each.latency["total"].model_dump(),
        }
        for name, each in found.items()
    ]


def _against_best(found: dict[str, Evaluation]) -> dict[str, Any] | None:
    """The fused row against the best single branch."""
    if "fused" not in found:
        return None
    single = {name: each for name, each in found.items() if name != "fused"}
    best = max(single, key=lambda name: single[name].measures["nDCG@10"].mean)
    return {"best": best, **_against(best, {best: found[best], "fused": found["fused"]})["fused"]}


def _against(first: str, found: dict[str, Evaluation]) -> dict[str, dict[str, float]]:
    """Every other row's gain over this one."""
    ordered = {first: found[first], **found}
    against = differences({name: _values(each) for name, each in ordered.items()})
    return {name: against[name]["nDCG@10"].model_dump() for name in ordered if name != first}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--llm-url", default="", help="of a server whose model expands queries")
    parser.add_argument("--llm-model", default="", help="its model; by default the only one it lists")
    parser.add_argument("--expansion-only", action="store_true", help="make no other table anew")
    arguments = parser.parse_args()
    data, work, only = arguments.data, arguments.work, set(arguments.only)
    work.mkdir(parents=True, exist_ok=True)
    if arguments.expansion_only and not arguments.llm_url:
        parser.error("--expansion-only needs --llm-url")
    if not arguments.expansion_only:
        _work_off(data, work, only)
    if arguments.llm_url:
        _expand(
            data, work, only, LlmProfile(base_url=arguments.llm_url, model=arguments.llm_model, timeout=1800)
        )
    expanded = {
        name: json.loads(done.read_text(encoding="utf-8"))
        for name in COLLECTIONS
        if (done := _expanded_file(work, name)).exists()
    }
    target = Path(__file__).parent.parent / "docs" / "results.md"
    if arguments.expansion_only:
        write_table(target, expansion(expanded), EXPANSION)
    else:
        results = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(work.glob("*.json"))]
        target.write_text(page(results, expanded, list(COLLECTIONS)), encoding="utf-8")
    print(f"wrote {target}")


def _work_off(data: Path, work: Path, only: set[str]) -> None:
    """Whatever is not done yet, but for expansion."""
    for name, split in COLLECTIONS.items():
        folder = data / name
        jobs = {name: of_collection}
        if (folder / SCENARIOS).exists():
            jobs[f"{name} with scenarios"] = of_scenarios
        for job, find in jobs.items():
            done = work / f"{job.replace(' ', '-')}.json"
            if (only and job not in only) or done.exists():
                continue
            found = {"name": job, "split": split, **find(folder, work, split)}
            done.write_text(json.dumps(found, indent=1), encoding="utf-8")
            print(f"{job}: done", flush=True)


def _expand(data: Path, work: Path, only: set[str], llm: LlmProfile) -> None:
    """Expansion on each collection where it was not measured yet."""
    for name, split in COLLECTIONS.items():
        done = _expanded_file(work, name)
        if (only and name not in only) or done.exists():
            continue
        found = of_expansion(data / name, work, split, llm)
        done.parent.mkdir(exist_ok=True)
        done.write_text(json.dumps(found, indent=1), encoding="utf-8")
        print(f"{name}: expanded", flush=True)


def _expanded_file(work: Path, name: str) -> Path:
    return work / "expansion" / f"{name}.json"


if __name__ == "__main__":
    main()
