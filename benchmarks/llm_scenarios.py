"""What distilling is worth: scenarios by base, result and teacher, and searches over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import augury
from augury.connector.ingest.generate import generate
from augury.connector.ingest.generator import ScenarioGenerator
from augury.connector.ingest.scenario_prompt import parse_analysis, scenario_chat
from augury.connector.query.planner import SearchOptions
from augury.errors import GenerationError
from augury.evaluation.dataset import Dataset, open_dataset
from augury.evaluation.evaluate import evaluate, mean_of
from augury.evaluation.tuning.climb import folds_of
from augury.models.dense import load_dense
from augury.models.llm.client import LlmClient
from augury.schemas.document import Document
from augury.schemas.evaluation import Evaluation
from augury.schemas.llm import LlmProfile
from augury.schemas.profile import ChunkProfile, GenerationProfile, Profile
from augury.schemas.training_report import TrainingReport
from augury.trainers.gate import gain
from augury.trainers.llm.base import open_base
from augury.trainers.llm.config import scenario_config
from augury.trainers.llm.similarity import nearness
from augury.trainers.llm.teacher import Lesson, lessons, split
from augury.trainers.records import beir_corpus
from augury.trainers.scenarios import read_answer, train_scenarios
from benchmarks.alphas import by_alpha
from benchmarks.llm_bench import MEASURE, PRESET, Bench, against, called, difference, interval

COLLECTION = "eedi_misconceptions"
UNSEEN, SEED = 0.2, 7
ASKED = 200
"""Unseen documents that are asked about without a schema."""
FOLDS = 5


@dataclass(frozen=True)
class Collection:
    """What is searched, and by which queries."""

    documents: Sequence[Document]
    dataset: Dataset
    part: str = ""

    @classmethod
    def whole(cls, folder: Path) -> Collection:
        """Every document, and the dev queries."""
        return cls(list(beir_corpus(folder)), open_dataset(folder, split="dev"))

    @classmethod
    def of(cls, folder: Path, kept: set[str]) -> Collection:
        """Some documents, and the queries of every split that they answer."""
        splits = [open_dataset(folder, split=split) for split in ("train", "dev")]
        qrels = {
            query: judged
            for each in splits
            for query, judged in each.qrels.items()
            if kept.issuperset(document for document, grade in judged.items() if grade > 0)
        }
        queries = {query: each.queries[query] for each in splits for query in each.queries if query in qrels}
        documents = [document for document in beir_corpus(folder) if document.id in kept]
        return cls(documents, Dataset(f"{folder.name}, unseen documents", queries, qrels), "-unseen")


def scenarios(bench: Bench) -> str:
    """The table of distillation."""
    folder = bench.data / COLLECTION
    teacher = folder / "teacher_scenarios.jsonl"
    found = lessons(str(teacher), str(folder)).lessons
    taught, unseen = split(found, UNSEEN, SEED)
    asked = unseen[:ASKED]
    data = bench.work / "taught.jsonl"
    if not data.exists():
        lines = [
            lesson.record.model_copy(update={"text": lesson.text}).model_dump_json() for lesson in taught
        ]
        data.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    config = scenario_config({"data": str(data), "to": str(bench.work / "distilled")}, preset=PRESET)
    report = train_scenarios(config)
    if report is None:
        raise SystemExit(0)
    files, names = {"none": None, "teacher": teacher}, {"none": "none", "teacher": "teacher"}
    if bench.unseen_only:
        collection = Collection.of(folder, {lesson.doc_id for lesson in unseen})
    else:
        collection = Collection.whole(folder)
    written: dict[str, list[str]] = {}
    second: dict[str, list[float]] = {}
    for name, model in (("base", config.base), ("distilled", report.model)):
        base = open_base(model)
        names[name] = called(name, base)
        file = files[name] = bench.work / f"scenarios-{names[name]}{collection.part}.jsonl"
        first, again = f"unseen-{names[name]}", f"second-{names[name]}"
        if not all(path.exists() for path in (file, *map(bench.file, (first, again)))):
            with bench.served(names[name], base) as llm:
                bench.kept(first, partial(_without_schema, llm, asked, config.needs))
                bench.kept(again, partial(_second_try, llm, asked, config.needs))
                _write_scenarios(collection, llm, config.needs, file)
        written[name], second[name] = bench.kept(first, list), bench.kept(again, list)
    evaluations = {
        name: Evaluation.model_validate(
            bench.kept(
                f"evaluated-{names[name]}{collection.part}",
                partial(_searched, bench, collection, names[name], files[name]),
            )
        )
        for name in ("none", "base", "distilled", "teacher")
    }
    folded = {
        name: bench.kept(
            f"folds-{names[name]}{collection.part}", partial(_by_folds, bench, collection, names[name])
        )
        for name in ("base", "distilled", "teacher")
    }
    return _scenario_table(
        report,
        len(unseen),
        asked,
        collection,
        written,
        second,
        evaluations,
        folded,
        config.needs,
        config.encoder,
    )


def _without_schema(llm: LlmProfile, asked: Sequence[Lesson], needs: int) -> list[str]:
    """First answers, with nothing that holds the model to the form, and no second try."""
    profile = GenerationProfile(needs=needs)
    with LlmClient.with_cache(llm) as client:
        client.connect()
        answers = [
            client.submit(
                client.ask(replace(scenario_chat(lesson.text, profile), schema=None, whole=False), str)
            )
            for lesson in asked
        ]
        return [each.result() for each in answers]


def _second_try(llm: LlmProfile, asked: Sequence[Lesson], needs: int) -> list[float]:
    """1 where ingest would get what it can read of a server that knows no schemas: it asks once more, at a
    higher temperature, where it cannot read an answer."""
    profile = GenerationProfile(needs=needs)
    with LlmClient.with_cache(llm) as client:
        client.connect()
        answers = [
            client.submit(
                client.ask(replace(scenario_chat(lesson.text, profile), schema=None), parse_analysis)
            )
            for lesson in asked
        ]
        errors = [each.exception() for each in answers]
    for error in errors:
        if error is not None and not isinstance(error, GenerationError):
            raise error
    return [float(error is None) for error in errors]


def _write_scenarios(collection: Collection, llm: LlmProfile, needs: int, file: Path) -> None:
    """As ``augury generate scenarios`` writes them."""
    if file.exists():
        return
    profile = Profile(llm=llm, chunk=ChunkProfile(mode="none"), generation=GenerationProfile(needs=needs))
    with LlmClient.with_cache(llm) as client:
        generator = ScenarioGenerator(client, profile.generation)
        print(generate(collection.documents, generator, profile, file).documents)


def _searched(bench: Bench, collection: Collection, name: str, file: Path | None) -> dict[str, Any]:
    """The collection's queries through an index of its documents."""
    profile = Profile(chunk=ChunkProfile(mode="none"), sparse=None)
    branch: Any = "scenarios" if file else "dense"
    with augury.open(bench.work / f"index-{name}{collection.part}", profile=profile) as index:
        index.ingest(collection.documents, scenarios=file or "none")
        options = SearchOptions(branches=(branch,), expand="off")
        return evaluate(index, collection.dataset, options, [MEASURE, "R@100"]).model_dump(mode="json")


def _by_folds(bench: Bench, collection: Collection, name: str) -> dict[str, float]:
    """The measure of each query at the alpha that is best for the queries of other folds."""
    with augury.open(bench.work / f"index-{name}{collection.part}", create=False) as index:
        values = by_alpha(index, collection.dataset)  # (alphas, queries)
    fold = folds_of(values.shape[1], FOLDS)
    best = [int(values[:, fold != number].mean(axis=1).argmax()) for number in range(FOLDS)]
    chosen = [float(values[best[number], place]) for place, number in enumerate(fold)]
    return dict(zip(collection.dataset.queries, chosen, strict=True))


def _scenario_table(
    report: TrainingReport,
    unseen: int,
    asked: Sequence[Lesson],
    collection: Collection,
    written: dict[str, list[str]],
    second: dict[str, list[float]],
    evaluations: dict[str, Evaluation],
    folded: dict[str, dict[str, float]],
    needs: int,
    encoder: str,
) -> str:
    read = {name: [read_answer(text, needs) for text in texts] for name, texts in written.items()}
    theirs = [list(lesson.record.scenarios()[:needs]) for lesson in asked]
    model = load_dense(encoder)
    near = {name: nearness(theirs, [each or [] for each in answers], model) for name, answers in read.items()}
    valid = {name: [float(each is not None) for each in answers] for name, answers in read.items()}
    better = gain(near["base"], near["distilled"]).difference
    head = (
        f"{report.counts.rows} documents taught, {report.steps} steps of {report.config['batch']}; "
        f"{unseen} documents unseen, of which {len(asked)} were asked about "
        f"without a schema. {len(collection.dataset.queries)} queries search "
        f"{'the unseen' if collection.part else 'all'} {len(collection.documents)} documents. "
        f"Similarity, distilled against base: {better.mean:+.3f} "
        f"[{better.low:+.3f}, {better.high:+.3f}].\n\n"
    )
    lines = [
        "| scenarios by | valid without schema | after a second try | similarity to the teacher's | "
        f"{MEASURE}, their branch | against none | against base | alpha by folds, against none |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    none = {each.query_id: each.values[MEASURE] for each in evaluations["none"].outcomes}
    for name, evaluation in evaluations.items():
        shown = [
            interval(mean_of(values[name])) if name in values else "" for values in (valid, second, near)
        ]
        values = folded.get(name)
        tuned = difference([value - none[query] for query, value in values.items()]) if values else ""
        lines.append(
            f"| {name} | {' | '.join(shown)} | {interval(evaluation.measures[MEASURE])} | "
            f"{against(evaluations['none'], evaluation, name == 'none')} | "
            f"{against(evaluations['base'], evaluation, name in ('none', 'base'))} | {tuned} |"
        )
    return head + "".join(f"{line}\n" for line in lines)
