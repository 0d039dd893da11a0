"""What training is worth: base and trained model on judgements that no choice was made by.

python benchmarks/training.py [ROW...] [--work training-rows] [--data ../shared/data]
    [--docs docs/training.md]

A row mines hard negatives with its base, trains on a collection's train split, of whose queries a tenth
chooses the best step, and measures base and result on the test split through an index. A row that is done is
not done again, and one that was broken off goes on. The table is written between the marks of the docs.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import augury
from augury.errors import SourceError
from augury.evaluation.beir import load_excluded
from augury.evaluation.dataset import open_dataset
from augury.schemas.training import TrainingPassage, TrainingRecord
from augury.schemas.training_report import Gain, TrainingReport
from augury.trainers.config import dense_config, splade_config
from augury.trainers.dense import train_dense
from augury.trainers.gate import OneNumber, gains, index_profile, measure_model
from augury.trainers.prepared import Dev
from augury.trainers.records import beir_corpus, open_records
from augury.trainers.splade import train_splade

MEASURE = "nDCG@10"
MINED = slice(5, 45)
"""Ranks that hard negatives are taken from: the first ones may answer the query though nobody judged them."""
_MARKS = ("<!-- rows of benchmarks/training.py -->", "<!-- end of rows -->")


@dataclass(frozen=True)
class RowPlan:
    """``RowPlan("dense", "eedi_misconceptions", "dev", "minilm")``: what is trained, and measured where."""

    kind: Any
    collection: str
    split: str
    preset: str
    values: dict[str, Any] = field(default_factory=dict)


ROWS = {
    "dense-eedi": RowPlan("dense", "eedi_misconceptions", "dev", "minilm"),
    "splade-eedi": RowPlan("sparse", "eedi_misconceptions", "dev", "splade-tiny"),
    "dense-scifact": RowPlan(
        "dense",
        "scifact",
        "test",
        "minilm",
        {"batch": 16, "max_tokens": 256, "learning_rate": 3e-5, "epochs": 3},
    ),
}


def run(name: str, data: Path, work: Path) -> tuple[TrainingReport, dict[str, Gain]]:
    """One row: its training report, and base and result on the split that was not looked at before."""
    plan = ROWS[name]
    place = work / name
    place.mkdir(parents=True, exist_ok=True)
    collection = data / plan.collection
    records = place / "records.jsonl"
    given = {**plan.values, "data": str(records), "to": str(place / "model")}
    config: Any = (dense_config if plan.kind == "dense" else splade_config)(given, preset=plan.preset)
    if not records.exists():
        mine(collection, plan.kind, config.base, place / "mining", records)
    report = train_dense(config) if plan.kind == "dense" else train_splade(config)
    if report is None:
        raise SystemExit(0)
    test = Dev(open_dataset(collection, split=plan.split), tuple(beir_corpus(collection)))
    measured = [
        measure_model(plan.kind, model, test, place / f"test-{label}", MEASURE, _quiet, label).evaluation
        for label, model in (("before", config.base), ("after", report.model))
    ]
    return report, gains(*measured)


def mine(collection: Path, kind: Any, base: str, where: Path, records: Path) -> None:
    """Write the train split as records whose negatives the base finds and nobody judged."""
    excluded = load_excluded(collection)
    lines = []
    own = None if kind == "dense" else OneNumber()
    with augury.open(where, profile=index_profile(kind, base), dense=own) as index:
        index.ingest(beir_corpus(collection), scenarios="none")
        for record in open_records(f"{collection}:train"):
            answers = {passage.doc_id for passage in record.positives} | excluded.get(
                record.query_id, frozenset()
            )
            hits = index.search(record.query, limit=MINED.stop)[MINED]
            negatives = tuple(
                TrainingPassage(text=hit.text, title=hit.title, doc_id=hit.doc_id)
                for hit in hits
                if hit.doc_id not in answers
            )
            mined = TrainingRecord(**{**dict(record), "negatives": (*record.negatives, *negatives)})
            lines.append(f"{mined.model_dump_json()}\n")
    beside = records.with_suffix(".part")
    beside.write_text("".join(lines), encoding="utf-8")
    beside.replace(records)


def table(done: dict[str, tuple[TrainingReport, dict[str, Gain]]]) -> str:
    """Markdown: after (before), with the paired difference."""
    columns = ("row", "base", "measured on", MEASURE, "difference", "R@100", "active terms", "steps", "s")
    lines: list[tuple[str, ...]] = [columns, ("---",) * len(columns)]
    for name, (report, found) in done.items():
        plan = ROWS[name]
        main, deep = found[MEASURE], found["R@100"]
        terms = report.active_terms
        lines.append(
            (
                name,
                report.base,
                f"{plan.collection}:{plan.split}",
                f"**{main.after.mean:.3f}** ({main.before.mean:.3f})",
                f"{main.difference.mean:+.3f} [{main.difference.low:+.3f}, {main.difference.high:+.3f}]",
                f"{deep.after.mean:.3f} ({deep.before.mean:.3f})",
                f"{terms['after'].documents:.0f} ({terms['before'].documents:.0f})"
                if len(terms) == 2
                else "",
                str(report.steps),
                f"{report.seconds:.0f}",
            )
        )
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write_table(docs: Path, text: str, marks: tuple[str, str] = _MARKS) -> None:
    """Put the table between the marks. Raises ``SourceError`` where the file has none."""
    page = docs.read_text(encoding="utf-8")
    start, end = marks
    if start not in page or end not in page:
        raise SourceError(f"{docs} has no place for the table", f"Write the lines {start} and {end} there")
    head, tail = page.split(start)[0], page.split(end)[1]
    docs.write_text(f"{head}{start}\n\n{text}\n{end}{tail}", encoding="utf-8")


def _quiet(stage: str, done: int, total: int) -> None:
    """No bar: a row takes long, and its output may be a log."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"any of {', '.join(ROWS)}; all by default")
    parser.add_argument("--work", type=Path, default=Path("training-rows"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--docs", type=Path)
    arguments = parser.parse_args()
    done = {}
    for name in arguments.rows or ROWS:
        done[name] = run(name, arguments.data, arguments.work)
        print(table({name: done[name]}), flush=True)
    if arguments.docs:
        write_table(arguments.docs, table(done))


if __name__ == "__main__":
    main()
