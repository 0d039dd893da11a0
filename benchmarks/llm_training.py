"""What distilling and preferences are worth: two tables of docs/training.md.

python -m benchmarks.llm_training [scenarios] [expander] [--work llm-rows] [--data ../shared/data]
    [--python .venv-llm/bin/python] [--unseen-only] [--docs docs/training.md]

``scenarios`` distils a teacher's scenarios of 80 % of a collection's documents into SmolLM2-135M, has base
and result write for the unseen ones without a schema and for all of them as ingest asks, and searches with
each. With ``--unseen-only`` they write for and search the unseen ones alone, a fifth of the work; queries are
then those of every split that these documents answer, as nothing was chosen by any. ``expander`` makes
preference pairs of a collection's train queries, trains on them, and searches the test queries with
expansions by base and result. vLLM is started for each model (``make llm`` makes its environment). Every
stage leaves a file in the work folder, with the revision of the model that wrote it, and is not done again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
from augury.models.dense import load_dense
from augury.models.llm.client import LlmClient
from augury.schemas.data_report import PreferenceReport
from augury.schemas.document import Document
from augury.schemas.evaluation import Evaluation, Mean
from augury.schemas.expansion import ExpansionProfile
from augury.schemas.llm import LlmProfile
from augury.schemas.profile import ChunkProfile, GenerationProfile, Profile
from augury.schemas.training_report import TrainingReport
from augury.trainers.data.open import open_training_data
from augury.trainers.data.preferences.options import PUBLISHED_TEMPERATURES, PreferenceOptions
from augury.trainers.data.preferences.run import make_preferences
from augury.trainers.expander import train_expander
from augury.trainers.gate import gain, gains
from augury.trainers.llm.base import LlmBase, open_base
from augury.trainers.llm.config import expander_config, scenario_config
from augury.trainers.llm.similarity import nearness
from augury.trainers.llm.teacher import Lesson, lessons, split
from augury.trainers.records import beir_corpus
from augury.trainers.scenarios import read_answer, train_scenarios
from augury.trainers.workplace import write_whole
from benchmarks.expansions import ask_all
from benchmarks.training import write_table
from serving.server import LlmServer

BASE, PRESET = "starter:smollm2", "smollm2"
DISTILLED_ON, EXPANDED_ON = "eedi_misconceptions", "scifact"
UNSEEN, SEED = 0.2, 7
ASKED = 200
"""Unseen documents that are asked about without a schema."""
QUERIES, SAMPLES = 400, 1
"""Train queries that are expanded into pairs, and samples of each temperature."""
PUBLISHED_WEIGHT = 0.5
"""The query's share of what is searched with in ExpandR; pairs are made with it."""
WEIGHTS = (ExpansionProfile().query_weight, PUBLISHED_WEIGHT)
MEASURE = "nDCG@10"
_MARKS = {
    name: (f"<!-- {name} of benchmarks/llm_training.py -->", f"<!-- end of {name} -->")
    for name in ("scenarios", "expander")
}


class Bench:
    """Where the stages leave their files, and how a model is served."""

    def __init__(self, data: Path, work: Path, python: Path, unseen_only: bool) -> None:
        self.data, self.work, self.python = data, work, python
        self.unseen_only = unseen_only
        work.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def served(self, called: str, base: LlmBase) -> Iterator[LlmProfile]:
        """vLLM with this model; answers are kept in the cache by its name."""
        log = self.work / f"vllm-{called}.log"
        with LlmServer(str(self.python), base.folder, log, "--name", called) as server:
            yield LlmProfile(base_url=server.url, model=called, timeout=1800)

    def file(self, name: str) -> Path:
        """Where a stage leaves what it comes to."""
        return self.work / f"{name}.json"

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """What a stage left, or what it leaves now."""
        file = self.file(name)
        if not file.exists():
            write_whole(file, json.dumps(make()))
        return json.loads(file.read_text(encoding="utf-8"))


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
    folder = bench.data / DISTILLED_ON
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
        called = names[name] = _called(name, base)
        file = files[name] = bench.work / f"scenarios-{called}{collection.part}.jsonl"
        first, again = f"unseen-{called}", f"second-{called}"
        if not all(path.exists() for path in (file, *map(bench.file, (first, again)))):
            with bench.served(called, base) as llm:
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
    return _scenario_table(
        report, len(unseen), asked, collection, written, second, evaluations, config.needs, config.encoder
    )


def expander(bench: Bench) -> str:
    """The table of preferences."""
    folder, pairs = bench.data / EXPANDED_ON, bench.work / "preferences.jsonl"
    config = expander_config({"data": str(pairs), "to": str(bench.work / "expander")}, preset=PRESET)
    base = open_base(config.base)
    found = {"none": bench.kept("expanded-none", partial(_expanded, bench, folder, None))}
    if not bench.file("preferences").exists():
        with bench.served(_called("base", base), base) as llm:
            bench.kept("preferences", partial(_preferences, bench, folder, pairs, llm))
    made = PreferenceReport.model_validate(bench.kept("preferences", dict))
    report = train_expander(config)
    if report is None:
        raise SystemExit(0)
    for name, model in (("base", base), ("tuned", open_base(report.model))):
        called = _called(name, model)
        files = {weight: f"expanded-{called}-{weight}" for weight in WEIGHTS}
        if not all(bench.file(file).exists() for file in files.values()):
            with bench.served(called, model) as llm:
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
        f"{_interval(accuracy.after)}, where the reference has .5; chosen passage likelier "
        f"{_interval(preferred.after)} (base {_interval(preferred.before)}).\n\n"
    )
    none = evaluations["none"]
    lines = [
        f"| expansion | query's weight | {MEASURE}, dense | against none | against base |",
        "|---|---:|---:|---:|---:|",
        f"| none | | {_interval(none.measures[MEASURE])} | | |",
    ]
    for weight in WEIGHTS:
        for name in ("base", "tuned"):
            evaluation, other = evaluations[f"{name} {weight}"], evaluations[f"base {weight}"]
            lines.append(
                f"| {name} | {weight} | {_interval(evaluation.measures[MEASURE])} | "
                f"{_against(none, evaluation, False)} | {_against(other, evaluation, name == 'base')} |"
            )
    return head + "".join(f"{line}\n" for line in lines)


def _called(name: str, base: LlmBase) -> str:
    """A name that no other model has."""
    return f"{name}-{base.revision[:12]}"


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


def _scenario_table(
    report: TrainingReport,
    unseen: int,
    asked: Sequence[Lesson],
    collection: Collection,
    written: dict[str, list[str]],
    second: dict[str, list[float]],
    evaluations: dict[str, Evaluation],
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
        f"{MEASURE}, their branch | against none | against base |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, evaluation in evaluations.items():
        shown = [
            _interval(mean_of(values[name])) if name in values else "" for values in (valid, second, near)
        ]
        lines.append(
            f"| {name} | {' | '.join(shown)} | {_interval(evaluation.measures[MEASURE])} | "
            f"{_against(evaluations['none'], evaluation, name == 'none')} | "
            f"{_against(evaluations['base'], evaluation, name in ('none', 'base'))} |"
        )
    return head + "".join(f"{line}\n" for line in lines)


def _against(before: Evaluation, after: Evaluation, empty: bool) -> str:
    if empty:
        return ""
    found = gains(before, after)[MEASURE].difference
    return f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"


def _interval(mean: Mean) -> str:
    return f"{mean.mean:.3f} [{mean.low:.3f}, {mean.high:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tables", nargs="*", choices=["scenarios", "expander"], default=[])
    parser.add_argument("--work", type=Path, default=Path("llm-rows"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--python", type=Path, default=Path(".venv-llm/bin/python"))
    parser.add_argument("--unseen-only", action="store_true", help="write for the unseen documents alone")
    parser.add_argument("--docs", type=Path)
    arguments = parser.parse_args()
    bench = Bench(arguments.data, arguments.work, arguments.python.absolute(), arguments.unseen_only)
    made = {"scenarios": scenarios, "expander": expander}
    for name in arguments.tables or made:
        text = made[name](bench)
        print(text, flush=True)
        if arguments.docs:
            write_table(arguments.docs, text, _MARKS[name])


if __name__ == "__main__":
    main()
