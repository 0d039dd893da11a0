"""What training is worth: base and trained model on judgements that no choice was made by.

python benchmarks/training.py [ROW...] [--work training-rows] [--data ../shared/data]
    [--docs docs/training.md]
python benchmarks/training_rerank.py ... does the same for Hypencoders, from several collections.

A row mines hard negatives with its base, trains on a collection's train split, of whose queries a tenth
chooses the best step, and measures base and result on the test split through an index. A row that is done is
not done again, and one that was broken off goes on. The table is written between the marks of the docs.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import augury
from augury.errors import SourceError
from augury.evaluation.beir import load_excluded
from augury.evaluation.dataset import open_dataset
from augury.schemas.training import TrainingPassage, TrainingRecord
from augury.schemas.training_report import Gain, TrainingReport
from augury.trainers.config import dense_config, prune_config, quantize_config, splade_config
from augury.trainers.dense import train_dense
from augury.trainers.gate import OneNumber, gains, index_profile, measure_model
from augury.trainers.prepared import Dev
from augury.trainers.records import beir_corpus, open_records
from augury.trainers.smaller import prune_splade, quantize_splade
from augury.trainers.splade import train_splade
from augury.trainers.training import quiet
from augury.trainers.workplace import write_whole

MEASURE = "nDCG@10"
MINED = slice(5, 45)
"""Ranks that hard negatives are taken from: the first ones may answer the query though nobody judged them."""
MARKS = ("<!-- rows of benchmarks/training.py -->", "<!-- end of rows -->")


@dataclass(frozen=True)
class RowPlan:
    """``RowPlan("dense", "eedi_misconceptions", "dev", "minilm")``: what is trained, and measured where.

    ``prune`` and ``quantize`` are no training. ``pruned`` is a row whose model is the base; the table
    compares with that row's own base.
    """

    kind: Literal["dense", "sparse", "prune", "quantize"]
    collection: str
    split: str
    preset: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    pruned: str = ""


ROWS = {
    "dense-eedi": RowPlan("dense", "eedi_misconceptions", "dev", "minilm"),
    "prune-eedi": RowPlan("prune", "eedi_misconceptions", "dev", values={"terms": 6000}),
    "int8-eedi": RowPlan("quantize", "eedi_misconceptions", "dev"),
    "splade-eedi": RowPlan("sparse", "eedi_misconceptions", "dev", "splade-tiny", pruned="prune-eedi"),
    "dense-scifact": RowPlan(
        "dense",
        "scifact",
        "test",
        "minilm",
        {"batch": 16, "learning_rate": 3e-5, "epochs": 1, "evaluate_every": 25},
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
    if plan.pruned:
        given["base"] = str(work / plan.pruned / "model")
    config, train = _trainer(plan, given)
    if plan.kind in ("prune", "quantize"):
        config = config.model_copy(update={"data": f"{collection}:train"})
    elif not records.exists():
        mine(collection, plan.kind, config.base, place / "mining", records)
    report = train(config)
    if report is None:
        raise SystemExit(0)
    kind: Literal["dense", "sparse"] = "dense" if plan.kind == "dense" else "sparse"
    base = run(plan.pruned, data, work)[0].base if plan.pruned else config.base
    test = Dev(open_dataset(collection, split=plan.split), tuple(beir_corpus(collection)))
    measured = [
        measure_model(
            index_profile(kind, model), test, place / f"test-{label}", MEASURE, quiet, label
        ).evaluation
        for label, model in (("before", base), ("after", report.model))
    ]
    return report.model_copy(update={"base": base}), gains(*measured)


def _trainer(plan: RowPlan, given: dict[str, Any]) -> tuple[Any, Callable[[Any], TrainingReport | None]]:
    """A row's config, and what trains with it."""
    if plan.kind == "dense":
        return dense_config(given, preset=plan.preset), train_dense
    if plan.kind == "sparse":
        return splade_config(given, preset=plan.preset), train_splade
    if plan.kind == "quantize":
        return quantize_config(given), quantize_splade
    return prune_config(given), prune_splade


def mine(collection: Path, kind: Any, base: str, where: Path, records: Path, most: int | None = None) -> None:
    """Write the train split as records whose negatives the base finds and nobody judged.

    Args:
        most: queries that are taken, by a hash of theirs; where there are more, negatives are of the answers
            of those that are taken.
    """
    excluded = load_excluded(collection)
    wanted = sorted(
        open_records(f"{collection}:train"),
        key=lambda record: hashlib.sha256(record.query.encode()).hexdigest(),
    )
    corpus = list(beir_corpus(collection))
    if most is not None and most < len(wanted):
        wanted = wanted[:most]
        answered = {passage.doc_id for record in wanted for passage in record.positives}
        corpus = [document for document in corpus if document.id in answered]
    lines = []
    own = None if kind == "dense" else OneNumber()
    with augury.open(where, profile=index_profile(kind, base), dense=own) as index:
        index.ingest(corpus, scenarios="none")
        for record in wanted:
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
    write_whole(records, "".join(lines))


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


def write_table(docs: Path, text: str, marks: tuple[str, str] = MARKS) -> None:
    """Put the table between the marks. Raises ``SourceError`` where the file has none."""
    page = docs.read_text(encoding="utf-8")
    start, end = marks
    if start not in page or end not in page:
        raise SourceError(f"{docs} has no place for the table", f"Write the lines {start} and {end} there")
    head, tail = page.split(start)[0], page.split(end)[1]
    docs.write_text(f"{head}{start}\n\n{text}\n{end}{tail}", encoding="utf-8")


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
