"""What preferences are worth: pairs, training by them, and searches with expansions by base and result."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import augury
from augury.connector.query.planner import SearchOptions
from augury.evaluation.dataset import open_dataset
from augury.evaluation.evaluate import evaluate
from augury.schemas.data_report import PreferenceReport
from augury.schemas.evaluation import Evaluation
from augury.schemas.expansion import ExpansionProfile
from augury.schemas.llm import LlmProfile
from augury.schemas.profile import ChunkProfile, Profile
from augury.trainers.data.open import open_training_data
from augury.trainers.data.preferences.options import PUBLISHED_TEMPERATURES, PreferenceOptions
from augury.trainers.data.preferences.run import make_preferences
from augury.trainers.expander import train_expander
from augury.trainers.llm.base import open_base
from augury.trainers.llm.config import expander_config
from benchmarks.expansions import ask_all
from benchmarks.llm_bench import MEASURE, PRESET, Bench, against, called, interval

COLLECTION = "scifact"
QUERIES, SAMPLES = 400, 1
"""Train queries that are expanded into pairs, and samples of each temperature."""
PUBLISHED_WEIGHT = 0.5
"""The query's share of what is searched with in ExpandR; pairs are made with it."""
WEIGHTS = (ExpansionProfile().query_weight, PUBLISHED_WEIGHT)


def expander(bench: Bench) -> str:
    """The table of preferences."""
    folder, pairs = bench.data / COLLECTION, bench.work / "preferences.jsonl"
    config = expander_config({"data": str(pairs), "to": str(bench.work / "expander")}, preset=PRESET)
    base = open_base(config.base)
    found = {"none": bench.kept("expanded-none", partial(_expanded, bench, folder, None))}
    if not bench.file("preferences").exists():
        with bench.served(called("base", base), base) as llm:
            bench.kept("preferences", partial(_preferences, bench, folder, pairs, llm))
    made = PreferenceReport.model_validate(bench.kept("preferences", dict))
    report = train_expander(config)
    if report is None:
        raise SystemExit(0)
    for name, model in (("base", base), ("tuned", open_base(report.model))):
        serves = called(name, model)
        files = {weight: f"expanded-{serves}-{weight}" for weight in WEIGHTS}
        if not all(bench.file(file).exists() for file in files.values()):
            with bench.served(serves, model) as llm:
                for weight, file in files.items():
                    bench.kept(file, partial(_expanded, bench, folder, llm, weight))
        found |= {f"{name} {weight}": bench.kept(file, dict) for weight, file in files.items()}
    evaluations = {name: Evaluation.model_validate(each) for name, each in found.items()}
    accuracy, preferred = report.measures["accuracy"], report.measures["preferred"]
    head = (
        f"{made.queries} queries, each expanded {SAMPLES * len(PUBLISHED_TEMPERATURES)} times: {made.pairs} "
        f"pairs by where a search finds the relevant document ({made.measure} of the queries as they are "
        f"{made.plain:.3f}, by the best of their expansions {made.best:.3f}, by the worst {made.worst:.3f}). "
        f"{report.counts.rows} of them and {report.steps} steps of training. On {report.dev}: accuracy "
        f"{interval(accuracy.after)}, where the reference has .5; chosen passage likelier "
        f"{interval(preferred.after)} (base {interval(preferred.before)}).\n\n"
    )
    none = evaluations["none"]
    lines = [
        f"| expansion | query's weight | {MEASURE}, dense | against none | against base |",
        "|---|---:|---:|---:|---:|",
        f"| none | | {interval(none.measures[MEASURE])} | | |",
    ]
    for weight in WEIGHTS:
        for name in ("base", "tuned"):
            evaluation, other = evaluations[f"{name} {weight}"], evaluations[f"base {weight}"]
            lines.append(
                f"| {name} | {weight} | {interval(evaluation.measures[MEASURE])} | "
                f"{against(none, evaluation, False)} | {against(other, evaluation, name == 'base')} |"
            )
    return head + "".join(f"{line}\n" for line in lines)


def _preferences(bench: Bench, folder: Path, pairs: Path, llm: LlmProfile) -> dict[str, Any]:
    """Pairs by where a search with each expansion finds the relevant document."""
    options = PreferenceOptions(
        index=str(_dense_index(bench, folder)),
        branches=("dense",),
        query_weight=PUBLISHED_WEIGHT,
        samples=SAMPLES,
        queries=QUERIES,
    )
    records, dataset = open_training_data(str(folder), split="train"), open_dataset(folder, split="train")
    report = make_preferences(records, pairs, options, llm, dataset=dataset)
    if report.failed:
        raise SystemExit(f"{report.failed} queries failed. Run the same command again: the others are kept.")
    return report.model_dump(mode="json")


def _dense_index(bench: Bench, folder: Path) -> Path:
    """Of the whole collection; documents that it has are not encoded again."""
    where = bench.work / f"index-{folder.name}"
    with augury.open(where, profile=Profile(chunk=ChunkProfile(mode="none"), sparse=None)) as index:
        index.ingest(augury.open_source(str(folder)), scenarios="none")
    return where


def _expanded(
    bench: Bench, folder: Path, llm: LlmProfile | None, weight: float = PUBLISHED_WEIGHT
) -> dict[str, Any]:
    """The collection's test queries through its dense vectors, expanded where there is an LLM."""
    dataset = open_dataset(folder, split="test")

    def change(profile: Profile) -> Profile:
        expansion = profile.expansion.model_copy(update={"query_weight": weight})
        return profile.model_copy(update={"llm": llm or profile.llm, "expansion": expansion})

    with augury.open(_dense_index(bench, folder), create=False, profile=change) as index:
        options = SearchOptions(branches=("dense",), expand="llm" if llm else "off")
        if llm:  # the evaluation asks for one query after the other
            ask_all(llm, index.profile.expansion, list(dataset.queries.values()))
        return evaluate(index, dataset, options, [MEASURE, "R@100"]).model_dump(mode="json")
