"""What distilling and preferences are worth: two tables of docs/training.md.

python -m benchmarks.llm_training [scenarios] [expander] [--work llm-rows] [--data ../shared/data]
    [--python .venv-llm/bin/python] [--pairs preferences.jsonl] [--unseen-only] [--docs docs/training.md]

``scenarios`` distils a teacher's scenarios of 80 % of a collection's documents into SmolLM2-135M, has base
and result write for the unseen ones without a schema and for all of them as ingest asks, and searches with
each. With ``--unseen-only`` they write for and search the unseen ones alone, a fifth of the work; queries are
then those of every split that these documents answer, as nothing was chosen by any. ``expander`` trains on
preference pairs of a collection's train queries and searches its test queries with expansions by base and
result. vLLM is started for each model (``make llm`` makes its environment). Every stage leaves a file in the
work folder and is not done again.
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
from augury.connector.ingest.scenario_prompt import scenario_chat
from augury.connector.query.planner import SearchOptions
from augury.errors import SourceError
from augury.evaluation.dataset import Dataset, open_dataset
from augury.evaluation.evaluate import evaluate, mean_of
from augury.models.dense import load_dense
from augury.models.llm.client import LlmClient
from augury.schemas.document import Document
from augury.schemas.evaluation import Evaluation, Mean
from augury.schemas.llm import LlmProfile
from augury.schemas.profile import ChunkProfile, GenerationProfile, Profile
from augury.schemas.training_report import TrainingReport
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
MEASURE = "nDCG@10"
_MARKS = {
    name: (f"<!-- {name} of benchmarks/llm_training.py -->", f"<!-- end of {name} -->")
    for name in ("scenarios", "expander")
}


class Bench:
    """Where the stages leave their files, and how a model is served."""

    def __init__(self, data: Path, work: Path, python: Path, pairs: Path, unseen_only: bool) -> None:
        self.data, self.work, self.python, self.pairs = data, work, python, pairs
        self.unseen_only = unseen_only
        work.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def served(self, name: str, base: LlmBase) -> Iterator[LlmProfile]:
        """vLLM with this model; its name holds its revision, by which answers are kept in the cache."""
        called, log = f"{name}-{base.revision[:12]}", self.work / f"vllm-{name}.log"
        with LlmServer(str(self.python), base.folder, log, "--name", called) as server:
            yield LlmProfile(base_url=server.url, model=called, timeout=1800)

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """What a stage left, or what it leaves now."""
        file = self.work / f"{name}.json"
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
    files = {"none": None, "teacher": teacher}
    if bench.unseen_only:
        collection = Collection.of(folder, {lesson.doc_id for lesson in unseen})
    else:
        collection = Collection.whole(folder)
    written: dict[str, list[str]] = {}
    for name, model in (("base", config.base), ("distilled", report.model)):
        file = bench.work / f"scenarios-{name}{collection.part}.jsonl"
        if not file.exists() or not (bench.work / f"unseen-{name}.json").exists():
            with bench.served(name, open_base(model)) as llm:
                bench.kept(f"unseen-{name}", partial(_without_schema, llm, asked, config.needs))
                _write_scenarios(collection, llm, config.needs, file)
        written[name] = bench.kept(f"unseen-{name}", list)
        files[name] = file
    evaluations = {
        name: Evaluation.model_validate(
            bench.kept(
                f"evaluated-{name}{collection.part}", partial(_searched, bench, collection, name, files[name])
            )
        )
        for name in ("none", "base", "distilled", "teacher")
    }
    return _scenario_table(
        report, len(unseen), asked, collection, written, evaluations, config.needs, config.encoder
    )


def expander(bench: Bench) -> str:
    """The table of preferences."""
    folder = bench.data / EXPANDED_ON
    if not bench.pairs.exists():
        raise SourceError(
            f"There are no preference pairs in {bench.pairs}",
            f"Serve {BASE} and make some: augury generate preferences {folder}:train --to {bench.pairs}",
        )
    config = expander_config({"data": str(bench.pairs), "to": str(bench.work / "expander")}, preset=PRESET)
    report = train_expander(config)
    if report is None:
        raise SystemExit(0)
    found = {"none": bench.kept("expanded-none", partial(_expanded, bench, folder, None))}
    for name, model in (("base", config.base), ("tuned", report.model)):
        if not (bench.work / f"expanded-{name}.json").exists():
            with bench.served(name, open_base(model)) as llm:
                bench.kept(f"expanded-{name}", partial(_expanded, bench, folder, llm))
        found[name] = bench.kept(f"expanded-{name}", dict)
    evaluations = {name: Evaluation.model_validate(each) for name, each in found.items()}
    accuracy, preferred = report.measures["accuracy"], report.measures["preferred"]
    head = (
        f"{report.counts.records} pairs, {report.steps} steps. On {report.dev}: accuracy "
        f"{_interval(accuracy.after)}, where the reference has .5; chosen passage likelier "
        f"{_interval(preferred.after)} (base {_interval(preferred.before)}).\n\n"
    )
    lines = [f"| expansion | {MEASURE}, dense | against none | against base |", "|---|---:|---:|---:|"]
    for name, evaluation in evaluations.items():
        lines.append(
            f"| {name} | {_interval(evaluation.measures[MEASURE])} | "
            f"{_against(evaluations['none'], evaluation, name == 'none')} | "
            f"{_against(evaluations['base'], evaluation, name != 'tuned')} |"
        )
    return head + "".join(f"{line}\n" for line in lines)


def _without_schema(llm: LlmProfile, found: Sequence[Lesson], needs: int) -> list[str]:
    """First answers, with nothing that holds the model to the form, and no second try."""
    profile = GenerationProfile(needs=needs)
    with LlmClient.with_cache(llm) as client:
        client.connect()
        asked = [
            client.submit(
                client.ask(replace(scenario_chat(lesson.text, profile), schema=None, whole=False), str)
            )
            for lesson in found
        ]
        return [each.result() for each in asked]


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


def _expanded(bench: Bench, folder: Path, llm: LlmProfile | None) -> dict[str, Any]:
    """The collection's test queries through its dense vectors, expanded where there is an LLM."""
    dataset = open_dataset(folder, split="test")

    def change(profile: Profile) -> Profile:
        return profile.model_copy(update={"llm": llm}) if llm else profile

    where = bench.work / f"index-{folder.name}"
    if not where.exists():
        with augury.open(where, profile=Profile(chunk=ChunkProfile(mode="none"), sparse=None)) as index:
            index.ingest(augury.open_source(str(folder)), scenarios="none")
    with augury.open(where, create=False, profile=change) as index:
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
        f"| scenarios by | valid without schema | similarity to the teacher's | {MEASURE}, their branch | "
        "against none | against base |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, evaluation in evaluations.items():
        shown = [_interval(mean_of(values[name])) if name in values else "" for values in (valid, near)]
        lines.append(
            f"| {name} | {shown[0]} | {shown[1]} | {_interval(evaluation.measures[MEASURE])} | "
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
    parser.add_argument("--pairs", type=Path, default=Path("llm-rows/preferences.jsonl"))
    parser.add_argument("--unseen-only", action="store_true", help="write for the unseen documents alone")
    parser.add_argument("--docs", type=Path)
    arguments = parser.parse_args()
    python = arguments.python.absolute()
    bench = Bench(arguments.data, arguments.work, python, arguments.pairs, arguments.unseen_only)
    made = {"scenarios": scenarios, "expander": expander}
    for name in arguments.tables or made:
        text = made[name](bench)
        print(text, flush=True)
        if arguments.docs:
            write_table(arguments.docs, text, _MARKS[name])


if __name__ == "__main__":
    main()
