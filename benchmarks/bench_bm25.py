"""Augury's BM25 against bm25s with the same k1, b, stemmer, stop words and texts: nDCG@10.

python -m benchmarks.bench_bm25 [FOLDER:SPLIT...] [--json]

bm25s is run with the stop words of Qdrant's embedder, which Augury uses, and with its own shorter list.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import Stemmer

import augury
from augury.evaluation.beir import load_qrels, load_queries
from augury.evaluation.measure import Run, measure, to_run
from augury.models.bm25 import Bm25Encoder
from augury.schemas.document import encoder_text
from augury.schemas.points import FloatArray
from augury.schemas.profile import ChunkProfile, Profile, SparseProfile

DATA = Path(os.environ.get("AUGURY_DATA", "../shared/data"))
DEFAULT = [f"{DATA / name}:test" for name in ("scifact", "cranfield")]
PARAMETERS = ((0.9, 0.4), (1.2, 0.75))
DEPTH = 100


class NoDense:
    """An index has dense vectors; these say nothing."""

    name, revision, dim = "none", "1", 1

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        """(texts, 1), all ones."""
        return np.ones((len(texts), 1), np.float32)

    encode_queries = encode_documents


def embedder_stop_words() -> list[str]:
    """Those of bm25s's longer English list that Qdrant's embedder drops too."""
    from bm25s.stopwords import STOPWORDS_EN_PLUS

    encoder = Bm25Encoder()
    return [word for word in STOPWORDS_EN_PLUS if not len(encoder.encode_queries([word])[0].indices)]


def ours(folder: Path, split: str, k1: float, b: float) -> float:
    """nDCG@10 of the sparse branch of an index that ``augury ingest --sparse bm25:k=...,b=...`` makes."""
    qrels, queries = load_qrels(folder, split), load_queries(folder)
    profile = Profile(chunk=ChunkProfile(mode="none"), sparse=SparseProfile(model=f"bm25:k={k1:g},b={b:g}"))
    options = augury.SearchOptions(branches=("sparse",), limit=DEPTH)
    with (
        tempfile.TemporaryDirectory() as temporary,
        augury.open(Path(temporary) / "index", profile=profile, dense=NoDense()) as index,
    ):
        index.ingest(augury.open_source(str(folder)))
        results = index.retriever.search_batch([queries[query] for query in qrels], options)
    return measure(qrels, to_run(dict(zip(qrels, results, strict=True))))["nDCG@10"]


def theirs(folder: Path, split: str, k1: float, b: float, stop_words: Sequence[str] | str) -> float:
    """The same of bm25s."""
    qrels, queries = load_qrels(folder, split), load_queries(folder)
    documents = [item for item in augury.open_source(str(folder)) if isinstance(item, augury.Document)]
    stemmer = Stemmer.Stemmer("english")

    def tokens(texts: list[str]) -> Any:
        return bm25s.tokenize(texts, stopwords=stop_words, stemmer=stemmer, show_progress=False)

    peer = bm25s.BM25(k1=k1, b=b, method="lucene")
    peer.index(tokens([encoder_text(item.title, item.text) for item in documents]), show_progress=False)
    run: Run = {}
    for query in qrels:
        found, scores = peer.retrieve(tokens([queries[query]]), k=DEPTH, show_progress=False)
        run[query] = {
            documents[place].id: float(score) for place, score in zip(found[0], scores[0], strict=True)
        }
    return measure(qrels, run)["nDCG@10"]


def compared(folder: Path, split: str, k1: float, b: float) -> dict[str, Any]:
    """One row of the table."""
    found = {
        "Augury": ours(folder, split, k1, b),
        "bm25s": theirs(folder, split, k1, b, embedder_stop_words()),
        "bm25s, its own stop words": theirs(folder, split, k1, b, "en"),
    }
    row: dict[str, Any] = {"collection": folder.name, "k1": k1, "b": b}
    row |= {name: round(value, 4) for name, value in found.items()}
    return {**row, "difference": round(found["Augury"] - found["bm25s"], 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("collections", nargs="*", default=DEFAULT, metavar="FOLDER:SPLIT")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = []
    for collection in arguments.collections:
        folder, _, split = collection.rpartition(":")
        for k1, b in PARAMETERS:
            rows.append(compared(Path(folder), split, k1, b))
            if not arguments.json:
                print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    if arguments.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
