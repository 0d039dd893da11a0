"""Run the benchmarks of peers, growth, layouts and BM25, and write their tables into docs/benchmarks.md.

python -m benchmarks.report [--only peers growth layouts bm25] [--quick] [-- OPTION...]

Each table stands between ``<!-- NAME -->`` and ``<!-- /NAME -->`` and carries the machine, the versions and
the load average it was measured under; the rest of the page is left alone. ``make bench`` runs all of it.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

PAGE = Path("docs/benchmarks.md")
PACKAGES = ("torch", "qdrant-client", "qdrant-edge-py", "sentence-transformers", "bm25s")


@dataclass(frozen=True)
class Section:
    """A benchmark, how its JSON becomes Markdown, and smaller sizes for a try."""

    module: str
    render: Callable[[Any], str]
    quick: tuple[str, ...] = ()


def machine() -> str:
    """Processor, cores, memory and versions, in a sentence."""
    model = platform.processor() or platform.machine()
    described = Path("/proc/cpuinfo")
    if described.is_file() and (found := re.search(r"model name\s*: (.+)", described.read_text())):
        model = found[1]
    memory = psutil.virtual_memory().total / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{model}, {psutil.cpu_count()} cores, {memory:.0f} GiB; "
        f"Python {platform.python_version()}, {packages}"
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; numbers from 1,000 on get commas."""
    cells = [[_cell(value) for value in row] for row in rows]
    lines = ["| " + " | ".join(row) + " |" for row in (list(heads), *cells)]
    return "\n".join([lines[0], "|" + "---|" * len(heads), *lines[1:]])


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) and abs(value) >= 1000 else str(value)


def _pair(times: Sequence[float]) -> str:
    return " / ".join(f"{time:,.1f}" if time >= 10 else f"{time:.2f}" for time in times)


def peers(found: dict[str, Any]) -> str:
    """Augury beside other systems."""
    heads = (
        "system",
        "documents/s, vectors given",
        "and with encoding",
        "search, p50 / p95 ms",
        "and with the encoder",
        "peak MiB (libraries)",
        "nDCG@10",
    )
    rows = [
        (
            row["system"],
            row["write_documents_per_second"],
            row["with_encoding_documents_per_second"],
            _pair(row["search_ms"]),
            _pair(row["with_encoder_ms"]),
            f"{row['peak_mib']:.0f} ({row['libraries_mib']:.0f})",
            f"{row['nDCG@10']:.3f}",
        )
        for row in found["systems"]
    ]
    head = f"{found['collection']}: {found['documents']:,} documents, {found['queries']} queries."
    return f"{head} Load average {found['load']:.1f}.\n\n{table(heads, rows)}"


def growth(found: dict[str, Any]) -> str:
    """How searches grow with the index."""
    kinds = list(found["sizes"][0]["search_ms"])
    rows: list[Sequence[object]] = [
        (
            f"{row['passages']:,}",
            *(_pair(row["search_ms"][kind]) for kind in kinds),
            row["passages_per_second"],
            f"{row['peak_mib_writing']:.0f}",
            f"{row['peak_mib']:.0f}",
            row["disk_mib"],
        )
        for row in found["sizes"]
    ]
    if found["exponents"]:
        rows.append(("exponent", *(f"{found['exponents'][kind]:.2f}" for kind in kinds), "", "", "", ""))
    heads = (
        "passages",
        *(f"{kind}, p50 / p95 ms" for kind in kinds),
        "passages/s",
        "peak MiB writing",
        "and searching",
        "disk MiB",
    )
    missing = "".join(f"\n\n{int(size):,} passages: {why}." for size, why in found["left_out"].items())
    return f"Load average {found['load']:.1f}.\n\n{table(heads, rows)}{missing}"


def layouts(found: dict[str, Any]) -> str:
    """What each layout of the scenario rows costs and misses."""
    heads = ("passages", "layout", "p50 / p95 ms", "recall@10", "build s", "disk MiB")
    rows = [
        (
            f"{row['passages']:,}",
            row["layout"],
            _pair((row["p50_ms"], row["p95_ms"])),
            f"{row['recall@10']:.3f}",
            row["build_s"],
            row["disk_mib"],
        )
        for row in found["layouts"]
    ]
    return f"Load average {found['load']:.1f}.\n\n{table(heads, rows)}"


def bm25(found: list[dict[str, Any]]) -> str:
    """nDCG@10 of both implementations."""
    names = ("Augury", "bm25s", "bm25s, its own stop words")
    rows = [
        (
            row["collection"],
            row["k1"],
            row["b"],
            *(f"{row[name]:.4f}" for name in names),
            f"{row['difference']:+.4f}",
        )
        for row in found
    ]
    return table(("collection", "k1", "b", *names, "difference"), rows)


SECTIONS = {
    "peers": Section("benchmarks.bench_peers", peers, ("--documents", "500", "--repeat", "1")),
    "growth": Section("benchmarks.bench_growth", growth, ("--sizes", "1000", "4000", "--repeat", "1")),
    "layouts": Section("benchmarks.bench_layouts", layouts, ("--points", "4000", "--graph-points", "500")),
    "bm25": Section("benchmarks.bench_bm25", bm25),
}


def between(page: str, name: str, text: str) -> str:
    """The page with this text between its marks; a ``SystemExit`` where it has no such marks."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if page.count(start) != 1 or page.count(end) != 1:
        raise SystemExit(f"{PAGE} has no place for {name}: put {start} and {end} where its table belongs")
    before, _, rest = page.partition(start)
    return f"{before}{start}\n{text}\n{end}{rest.partition(end)[2]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="small sizes; prints, and leaves the page alone")
    parser.add_argument(
        "options", nargs="*", help="after --: the benchmark's own, such as --sizes 5000 20000"
    )
    arguments = parser.parse_args()
    if arguments.options and len(arguments.only) > 1:
        parser.error("options of a benchmark need --only with its name")
    for name in arguments.only:
        section = SECTIONS[name]
        between(PAGE.read_text(encoding="utf-8"), name, "")  # before an hour is spent
        quick = section.quick if arguments.quick else ()
        command = [sys.executable, "-m", section.module, *arguments.options, "--json", *quick]
        print(" ".join(command[1:]), file=sys.stderr, flush=True)
        found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        text = f"{date.today().isoformat()}, {machine()}.\n\n{section.render(found)}"
        if arguments.quick:
            print(f"## {name}\n\n{text}\n", flush=True)
        else:
            PAGE.write_text(between(PAGE.read_text(encoding="utf-8"), name, text), encoding="utf-8")


if __name__ == "__main__":
    main()
