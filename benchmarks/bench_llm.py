"""What share of an LLM server's own speed ``augury generate`` reaches at the same concurrency.

python benchmarks/bench_llm.py --llm-url URL [FOLDER] [--documents 64] [--concurrency 32] [--json]

The server's own speed: the same requests sent bare over HTTP, with nothing read from the answers but their
token counts. Both take turns on different documents, so that neither profits from the other's prefixes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import httpx

import augury
from augury.connector.ingest.chunk import chunk
from augury.connector.ingest.scenario_prompt import scenario_chat
from augury.models.llm.dialect import Dialect
from augury.schemas.profile import ChunkProfile, GenerationProfile

DEFAULT = Path(os.environ.get("AUGURY_DATA", "../shared/data")) / "cranfield"
NEEDS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", default=str(DEFAULT))
    parser.add_argument("--llm-url", required=True)
    parser.add_argument("--documents", type=int, default=64)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    wanted = 2 * arguments.rounds * arguments.documents
    documents = [
        item
        for item in islice(augury.open_source(arguments.folder), 1, wanted + 1)
        if isinstance(item, augury.Document)
    ]
    turns = [documents[start :: 2 * arguments.rounds] for start in range(2 * arguments.rounds)]
    model = httpx.get(f"{arguments.llm_url}/models").json()["data"][0]["id"]
    totals = {"server": [0, 0.0], "augury": [0, 0.0]}
    for number, turn in enumerate(turns):
        name = ("server", "augury")[(number + number // 2) % 2]  # server, augury, augury, server
        measured = bare if name == "server" else generated
        tokens, seconds = measured(turn, arguments.llm_url, model, arguments.concurrency)
        totals[name][0] += tokens
        totals[name][1] += seconds
        print(f"{name}: {tokens} tokens in {seconds:.1f} s, {tokens / seconds:.1f}/s", file=sys.stderr)
    rates = {name: round(tokens / seconds, 1) for name, (tokens, seconds) in totals.items()}
    found = {
        **rates,
        "ratio": round(rates["augury"] / rates["server"], 3),
        "concurrency": arguments.concurrency,
    }
    if arguments.json:
        print(json.dumps(found))
    else:
        print(
            f"server alone {found['server']} tokens/s, augury generate {found['augury']} tokens/s, "
            f"ratio {found['ratio']} at concurrency {arguments.concurrency}"
        )


def bare(documents: list[augury.Document], url: str, model: str, concurrency: int) -> tuple[int, float]:
    """Completion tokens and seconds of the requests alone."""
    bodies = []
    for document in documents:
        for passage in chunk(document, ChunkProfile()):
            chat = scenario_chat(passage.encoder_text, GenerationProfile(needs=NEEDS))
            request = Dialect().request(chat)
            bodies.append({"model": model, "messages": chat.messages(chat.text), **request})
    started = time.perf_counter()
    tokens = asyncio.run(sent(bodies, url, concurrency))
    return tokens, time.perf_counter() - started


async def sent(bodies: list[dict[str, Any]], url: str, concurrency: int) -> int:
    slots = asyncio.Semaphore(concurrency)
    async with httpx.AsyncClient(timeout=600, limits=httpx.Limits(max_connections=concurrency)) as client:

        async def one(body: dict[str, Any]) -> int:
            async with slots:
                answer = await client.post(f"{url}/chat/completions", json=body)
                return int(answer.raise_for_status().json()["usage"]["completion_tokens"])

        return sum(await asyncio.gather(*(one(body) for body in bodies)))


def generated(documents: list[augury.Document], url: str, model: str, concurrency: int) -> tuple[int, float]:
    """The same by the command, in a process and with a cache of its own; its start is not counted."""
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "corpus.jsonl"
        source.write_text(
            "\n".join(document.model_dump_json(include={"id", "title", "text"}) for document in documents),
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "augury", "generate", "scenarios", str(source), "--json"]
        command += ["-o", str(Path(temporary) / "scenarios.jsonl"), "--needs", str(NEEDS)]
        command += ["--llm-url", url, "--llm-model", model, "--llm-concurrency", str(concurrency)]
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env={**os.environ, "AUGURY_CACHE": temporary}
        )
    report = json.loads(done.stdout)
    return report["llm"]["completion_tokens"], report["seconds"]


if __name__ == "__main__":
    main()
