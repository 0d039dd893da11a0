"""Documents a second of the dense and sparse encoders, beside what the library does by itself.

python benchmarks/bench_encoders.py [CORPUS_JSONL] [--documents 500] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch
from sentence_transformers import SentenceTransformer, SparseEncoder

from augury.models.dense import load_dense
from augury.models.resolve import resolve
from augury.models.sparse import load_sparse
from augury.models.splade_int8 import write_int8

DEFAULT = Path(os.environ.get("AUGURY_DATA", "../shared/data")) / "scifact" / "corpus.jsonl"
QUERIES = 100
WINDOW = 64
Encode = Callable[[list[str]], object]
QUERY = "does vitamin d protect against respiratory infection"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", nargs="?", default=str(DEFAULT))
    parser.add_argument("--documents", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with open(arguments.corpus, encoding="utf-8") as lines:
        records = [json.loads(line) for line in islice(lines, arguments.documents)]
    texts = [f"{record['title']}\n{record['text']}" for record in records]
    result = {"documents": len(texts), "threads": torch.get_num_threads(), **dense(texts), **sparse(texts)}
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:<44}{value}")


def dense(texts: list[str]) -> dict[str, float]:
    """Passages a second, and what a single query costs beside the bare tokenizer and forward pass."""
    encoder = load_dense("starter:minilm", device="cpu", dtype="float32")
    library = SentenceTransformer(str(resolve("starter:minilm").path), device="cpu", local_files_only=True)

    def bare() -> None:
        with torch.inference_mode():
            library.forward(dict(library.tokenizer([QUERY], return_tensors="pt")))["sentence_embedding"]

    ours_ms, bare_ms = paired_ms(lambda: encoder.encode_queries([QUERY]), bare)
    ours, theirs = paired_rates(
        encoder.encode_documents, lambda batch: library.encode(batch, show_progress_bar=False), texts
    )
    return {
        "dense_documents_per_second": ours,
        "dense_library_documents_per_second": theirs,
        "dense_query_ms": round(ours_ms, 2),
        "dense_query_to_bare_forward": round(ours_ms / bare_ms, 3),
    }


def sparse(texts: list[str]) -> dict[str, float]:
    """Passages a second with the maximum taken in blocks, with the library's whole logits, and in int8."""
    encoder = load_sparse("starter:splade-tiny", device="cpu", dtype="float32")
    library = SparseEncoder(str(resolve("starter:splade-tiny").path), device="cpu", local_files_only=True)
    ours_ms, library_ms = paired_ms(
        lambda: encoder.encode_queries([QUERY]),
        lambda: library.encode_query([QUERY], show_progress_bar=False),
    )
    ours, theirs = paired_rates(
        encoder.encode_documents, lambda batch: library.encode(batch, show_progress_bar=False), texts
    )
    with TemporaryDirectory() as folder:
        write_int8(library, Path(folder) / "int8")
        int8 = load_sparse(str(Path(folder) / "int8"))
        again, rounded = paired_rates(encoder.encode_documents, int8.encode_documents, texts)
    started = time.perf_counter()
    load_sparse("bm25").encode_documents(texts)
    return {
        "sparse_documents_per_second": ours,
        "sparse_library_documents_per_second": theirs,
        "sparse_int8_documents_per_second": rounded,
        "sparse_documents_per_second_beside_int8": again,
        "sparse_query_ms": round(ours_ms, 2),
        "sparse_library_query_ms": round(library_ms, 2),
        "bm25_documents_per_second": round(len(texts) / (time.perf_counter() - started), 1),
    }


def paired_rates(first: Encode, second: Encode, texts: list[str]) -> tuple[float, float]:
    """Texts a second of two encoders that take windows in turn, so that other load hits both."""
    seconds = [0.0, 0.0]
    for start in range(0, len(texts), WINDOW):
        for place, encode in enumerate((first, second)):
            started = time.perf_counter()
            encode(texts[start : start + WINDOW])
            seconds[place] += time.perf_counter() - started
    return round(len(texts) / seconds[0], 1), round(len(texts) / seconds[1], 1)


def paired_ms(first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float]:
    """Median milliseconds of two calls taken in turn, so that other load on the machine hits both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(QUERIES):
        for call, taken in zip((first, second), times, strict=True):
            started = time.perf_counter()
            call()
            taken.append((time.perf_counter() - started) * 1000)
    return median(times[0]), median(times[1])


if __name__ == "__main__":
    main()
