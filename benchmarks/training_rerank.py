"""What a trained Hypencoder is worth as a reranker, on judgements that no choice was made by.

python benchmarks/training_rerank.py [ROW...] [--work training-rows] [--data ../shared/data]
    [--train COLLECTION...] [--docs docs/training.md]

Hard negatives of three collections are mined, each with the base in an index of its own, and mixed in one
file of records. Every row trains on it; a tenth of its queries chooses the best step. The best 100 of the
dense order are scored again on other collections, and compared with that order query by query. A row that
is done is not done again, and one that was broken off goes on. Tables are written between marks of the docs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from augury.evaluation.dataset import open_dataset
from augury.schemas.profile import RerankProfile
from augury.schemas.training import TrainingPassage, TrainingRecord
from augury.schemas.training_report import Gain, TrainingReport
from augury.trainers.gate import gains, index_profile, measure_model, reranked_profile
from augury.trainers.hypencoder import train_hypencoder
from augury.trainers.hypencoder_config import hypencoder_config
from augury.trainers.prepared import Dev
from augury.trainers.records import beir_corpus, open_records
from augury.trainers.training import quiet
from augury.trainers.workplace import write_whole
from benchmarks.training import MEASURE, mine, write_table

BASE = "starter:minilm"
MOST = {"scifact": 10_000, "eedi_misconceptions": 10_000, "medquad_train": 3000}
"""Training queries taken of each collection; those of the last are 12,894, which are much alike."""
TESTS = (("scifact", "test"), ("cranfield", "test"), ("eedi_misconceptions", "dev"))
ROWS: dict[str, dict[str, Any]] = {
    "corrected": {"preset": "minilm", "evaluate_every": 50, "patience": 6},
    "published": {
        "preset": "minilm",
        "qnet": "published",
        "layers": 2,
        "temperature": 1.0,
        "near": 0.0,
        "evaluate_every": 50,
        "max_steps": 300,
    },
}
"""The published q-net, from scratch, has scores of any size, so that it needs no temperature."""
MARKS = ("<!-- rows of benchmarks/training_rerank.py -->", "<!-- end of reranking rows -->")


Place = tuple[str, float]
"""A collection's split, and the reranker's weight."""


def mixed(data: Path, work: Path, collections: Sequence[str]) -> Path:
    """One file of the mined records of some collections; a document's id says whose it is."""
    target = work / f"mixed-{'-'.join(collections)}.jsonl"
    if target.exists():
        return target
    lines = []
    for name in collections:
        place = work / f"mined-{name}"
        place.mkdir(parents=True, exist_ok=True)
        if not (place / "records.jsonl").exists():
            mine(data / name, "dense", BASE, place / "index", place / "records.jsonl", MOST.get(name))
        records = open_records(str(place / "records.jsonl"))
        lines += [f"{_named(record, name).model_dump_json()}\n" for record in records]
    write_whole(target, "".join(lines))
    return target


def _named(record: TrainingRecord, collection: str) -> TrainingRecord:
    def own(passages: Sequence[TrainingPassage]) -> tuple[TrainingPassage, ...]:
        return tuple(each.model_copy(update={"doc_id": f"{collection}/{each.doc_id}"}) for each in passages)

    return record.model_copy(update={"positives": own(record.positives), "negatives": own(record.negatives)})


def run(name: str, records: Path, data: Path, work: Path) -> tuple[TrainingReport, dict[Place, Gain]]:
    """One row: its report, and on each test collection the dense order and the reranked one.

    Reranked by a search's default weight, and by that of the row's own evaluations.
    """
    values = {"data": str(records), "to": str(work / name), "allow_worse": True, **ROWS[name]}
    config = hypencoder_config(
        {key: value for key, value in values.items() if key != "preset"}, preset=values["preset"]
    )
    report = train_hypencoder(config)
    if report is None:
        raise SystemExit(0)
    found = {}
    for collection, split in TESTS:
        test = Dev(open_dataset(data / collection, split=split), tuple(beir_corpus(data / collection)))
        where = work / f"test-{collection}"
        before = measure_model(index_profile("dense", BASE), test, where, MEASURE, quiet, collection)
        for weight in dict.fromkeys((RerankProfile().weight, config.rerank_weight)):
            profile = reranked_profile(BASE, report.model, "dense", config.rerank_depth, weight)
            after = measure_model(profile, test, where, MEASURE, quiet, collection)
            found[f"{collection}:{split}", weight] = gains(before.evaluation, after.evaluation)[MEASURE]
    return report, found


def table(done: dict[str, tuple[TrainingReport, dict[Place, Gain]]]) -> str:
    """Markdown: after (before) on each test collection, and then what each evaluated step was worth."""
    lines: list[tuple[str, ...]] = [
        ("row", "measured on", "weight", MEASURE, "difference", "step", "s", "MB")
    ]
    lines.append(("---",) * len(lines[0]))
    for name, (report, found) in done.items():
        size = sum(file.stat().st_size for file in Path(report.model).glob("*.safetensors")) / 1e6
        for (where, weight), gain in found.items():
            difference = gain.difference
            lines.append(
                (
                    name,
                    where,
                    f"{weight:g}",
                    f"**{gain.after.mean:.3f}** ({gain.before.mean:.3f})",
                    f"{difference.mean:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]",
                    str(report.best_step),
                    f"{report.seconds:.0f}",
                    f"{size:.1f}",
                )
            )
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    for name, (report, _) in done.items():
        curve = ", ".join(f"{score:.3f} ({step})" for step, score in report.curve)
        text += f"\n{MEASURE} of `{name}` on the held-out queries, by step: {curve}.\n"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"any of {', '.join(ROWS)}; all by default")
    parser.add_argument("--work", type=Path, default=Path("training-rows"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--train", nargs="+", default=list(MOST), help="collections to train on")
    parser.add_argument("--docs", type=Path)
    arguments = parser.parse_args()
    records = mixed(arguments.data, arguments.work, arguments.train)
    done = {}
    for name in arguments.rows or ROWS:
        done[name] = run(name, records, arguments.data, arguments.work)
        print(table({name: done[name]}), flush=True)
    if arguments.docs:
        write_table(arguments.docs, table(done), MARKS)


if __name__ == "__main__":
    main()
