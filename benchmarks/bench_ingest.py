"""What share of the bare encoders' speed a whole ingest keeps.

python benchmarks/bench_ingest.py [BEIR_FOLDER] [--documents 1000] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from itertools import islice
from pathlib import Path

import augury
from augury.connector.ingest.chunk import chunk
from augury.connector.ingest.select import WINDOW
from augury.models.dense import load_dense
from augury.models.sparse import load_sparse
from augury.schemas.profile import ChunkProfile, Profile

DEFAULT = Path(os.environ.get("AUGURY_DATA", "../shared/data")) / "scifact"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", default=str(DEFAULT))
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    documents = [
        item
        for item in islice(augury.open_source(arguments.folder), arguments.documents)
        if isinstance(item, augury.Document)
    ]
    profile = Profile(chunk=ChunkProfile(mode="none"))
    dense, sparse = load_dense(profile.dense.model), load_sparse("starter:splade-tiny")
    texts = [passage.encoder_text for document in documents for passage in chunk(document, profile.chunk)]
    dense.encode_documents(texts[:32])
    sparse.encode_documents(texts[:32])

    started = time.perf_counter()
    for start in range(0, len(texts), WINDOW):
        dense.encode_documents(texts[start : start + WINDOW])
        sparse.encode_documents(texts[start : start + WINDOW])
    bare = len(texts) / (time.perf_counter() - started)

    with (
        tempfile.TemporaryDirectory() as folder,
        augury.open(Path(folder) / "index", profile=profile, dense=dense, sparse=sparse) as index,
    ):
        report = index.ingest(documents)
    result = {
        "documents": len(documents),
        "bare_encoders_documents_per_second": round(bare, 2),
        "ingest_documents_per_second": report.documents_per_second,
        "ratio": round(report.documents_per_second / bare, 3),
        "stage_seconds": report.stage_seconds,
    }
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:<38}{value}")


if __name__ == "__main__":
    main()
