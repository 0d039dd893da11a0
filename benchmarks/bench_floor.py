"""What the groundedness floor costs and what it stops: similarities of scenarios to passages.

python benchmarks/bench_floor.py CORPUS.jsonl SCENARIOS.jsonl [--documents 300] [--json]

A scenario's own passage stands for honest ones; every other passage of the sample stands for a scenario that
has nothing to do with its passage, as one from a planted instruction.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np

import augury
from augury.models.dense import load_dense
from augury.schemas.profile import Profile
from augury.schemas.scenario import ScenarioRecord

FLOORS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus")
    parser.add_argument("scenarios", type=Path)
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    lines = arguments.scenarios.read_text(encoding="utf-8").splitlines()
    records = [ScenarioRecord.model_validate_json(line) for line in lines]
    records = random.Random(SEED).sample(records, min(arguments.documents, len(records)))
    wanted = {record.doc_id for record in records}
    texts = {
        item.id: f"{item.title} {item.text}".strip()
        for item in augury.open_source(arguments.corpus)
        if isinstance(item, augury.Document) and item.id in wanted
    }
    places = {doc_id: place for place, doc_id in enumerate(texts)}
    fields = Profile().scenarios.fields
    needs = [
        (places[record.doc_id], scenario.encoder_text(fields, texts[record.doc_id]))
        for record in records
        if record.doc_id in texts
        for scenario in record.scenarios()
    ]
    dense = load_dense(Profile().dense.model)
    similar = (
        dense.encode_documents([text for _, text in needs]) @ dense.encode_documents(list(texts.values())).T
    )
    own = np.zeros(similar.shape, dtype=bool)
    own[np.arange(len(needs)), [place for place, _ in needs]] = True
    rows = [
        {
            "floor": floor,
            "own scenarios dropped": round(float((similar[own] < floor).mean()), 4),
            "foreign scenarios dropped": round(float((similar[~own] < floor).mean()), 4),
        }
        for floor in FLOORS
    ]
    if arguments.json:
        print(json.dumps({"scenarios": len(needs), "floors": rows}))
        return
    print(f"{len(needs)} scenarios of {len(texts)} passages\n")
    print("".join(f"{name:>28}" for name in rows[0]))
    for row in rows:
        print("".join(f"{value:>28}" for value in row.values()))


if __name__ == "__main__":
    main()
