"""A process that ingests, for the tests that kill it: ``python ingest_child.py INDEX VERSION``.

Version 1 and version 2 differ in a third of the documents, which shrink or grow, and in their scenarios.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import augury
from augury.schemas.profile import ChunkProfile, Profile
from tests.hashing import HashingDense, HashingSparse

DOCUMENTS = 200


def documents(version: int) -> Iterator[augury.Document]:
    for i in range(DOCUMENTS):
        sentences = 6 + (i % 5) * 12
        if i % 3 == 0:
            sentences += (version - 1) * (24 if i % 2 else -5)
        text = " ".join(f"Sentence {j} of document {i} speaks of subject {j % 11}." for j in range(sentences))
        yield augury.Document(
            id=f"d{i}", title=f"Title {i}", text=text, metadata={"n": i, "even": i % 2 == 0}
        )


def scenario_file(folder: Path, version: int) -> Path:
    path = folder / f"scenarios-{version}.jsonl"
    lines = [
        {
            "doc_id": f"d{i}",
            "explanation": [
                {"information_need": f"need {j} of {i}, {version if i % 7 == 0 else 0}"} for j in (1, 2)
            ],
        }
        for i in range(0, DOCUMENTS, 2)
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return path


def ingest(where: Path, version: int) -> augury.IngestReport:
    """Ingest one version of the documents into the index."""
    profile = Profile(chunk=ChunkProfile(min_chars=300, max_chars=700))
    with augury.open(where, profile=profile, dense=HashingDense(), sparse=HashingSparse()) as index:
        return index.ingest(
            documents(version), scenarios=scenario_file(where.parent, version), sync=True, on_error="stop"
        )


if __name__ == "__main__":
    print(ingest(Path(sys.argv[1]), int(sys.argv[2])).model_dump_json())
