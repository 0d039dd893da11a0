"""Whether an ingest's memory grows with the collection: peak memory at 5,000 and at 50,000 documents.

The encoders are random here, so that the collection's size is all that differs. Each size runs in a process
of its own.

python benchmarks/bench_memory.py [--small 5000] [--large 50000] [--json]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

import augury
from augury.schemas.points import FloatArray, SparseVector

DIM = 384
TERMS = 120
VOCABULARY = 30522


class RandomDense:
    """Random unit vectors."""

    name, revision, dim = "random-dense", "1", DIM

    def __init__(self) -> None:
        self._rng = np.random.default_rng(1)

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        vectors = self._rng.normal(size=(len(texts), DIM)).astype(np.float32)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)

    encode_queries = encode_documents


class RandomSparse:
    """Random term weights."""

    name, revision, idf = "random-sparse", "1", False

    def __init__(self) -> None:
        self._rng = np.random.default_rng(2)

    def encode_documents(self, texts: Sequence[str]) -> list[SparseVector]:
        return [
            SparseVector(
                np.sort(self._rng.choice(VOCABULARY, TERMS, replace=False)).astype(np.uint32),
                self._rng.random(TERMS).astype(np.float32) + 0.01,
            )
            for _ in texts
        ]

    encode_queries = encode_documents


def documents(count: int) -> Iterator[augury.Document]:
    """Synthetic documents of about 1,200 characters."""
    for number in range(count):
        yield augury.Document(id=f"d{number}", text=f"document {number} " + "some words of text " * 60)


def ingest(count: int) -> None:
    """Ingest and print the peak memory of this process in MiB."""
    with (
        tempfile.TemporaryDirectory() as folder,
        augury.open(Path(folder) / "index", dense=RandomDense(), sparse=RandomSparse()) as index,
    ):
        report = index.ingest(documents(count))
        assert report.documents.written == count
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peak_mib": round(peak, 1), "documents_per_second": report.documents_per_second}))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--small", type=int, default=5_000)
    parser.add_argument("--large", type=int, default=50_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--run", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        ingest(arguments.run)
        return
    peaks = {}
    for count in (arguments.small, arguments.large):
        command = [sys.executable, __file__, "--run", str(count)]
        peaks[count] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    growth = peaks[arguments.large]["peak_mib"] - peaks[arguments.small]["peak_mib"]
    result = {"peaks": peaks, "growth_mib": round(growth, 1)}
    if arguments.json:
        print(json.dumps(result))
    else:
        for count, found in peaks.items():
            print(
                f"{count:>8} documents: peak {found['peak_mib']} MiB, "
                f"{found['documents_per_second']} documents/s"
            )
        print(f"growth: {result['growth_mib']} MiB")


if __name__ == "__main__":
    main()
