"""Serve a model folder with vLLM on the CPU: ``python serving/serve.py .llm/smollm2 --port 8000``.

The one place that knows the start command. It runs in the environment that ``make llm`` builds and becomes
vLLM itself, so a signal to this process is one to the server. Arguments it does not know go to vLLM as they
are and win over the ones below, as in ``--max-model-len 4096``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

CPU = {
    "VLLM_TARGET_DEVICE": "cpu",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}
FLAGS = {
    "--host": "127.0.0.1",
    "--max-model-len": "4096",
    "--max-num-seqs": "32",
    # Without it a schema allows blanks between any two tokens, and a small model may write them to the end.
    "--structured-outputs-config": json.dumps({"backend": "xgrammar", "disable_any_whitespace": True}),
}


def dtype() -> str:
    """``bfloat16`` where the processor computes with it; elsewhere it is emulated, and much slower."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return "auto"
    return "bfloat16" if {"avx512_bf16", "amx_bf16", "bf16"} & set(flags) else "float32"


def preloaded() -> dict[str, str]:
    """Intel's OpenMP, which vLLM's build brings along and wants loaded first; it is about a fifth faster."""
    library = Path(sys.prefix) / "lib/libiomp5.so"
    return {"LD_PRELOAD": str(library)} if library.is_file() else {}


def cores() -> str:
    """The cores this process may use, as vLLM wants them: ``0,1``."""
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return ",".join(map(str, sorted(usable)))


def command(model: Path, port: int, name: str, others: list[str]) -> list[str]:
    """vLLM's command line."""
    # Not `vllm serve`: that asks for the package `vllm`, and the CPU build is called `vllm-cpu`.
    server = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
    flags = [part for flag in FLAGS.items() for part in flag]
    return [
        *server,
        "--port",
        str(port),
        "--served-model-name",
        name,
        "--dtype",
        dtype(),
        "--enforce-eager",
        *flags,
        *others,
    ]


def main() -> None:
    """Read the arguments and become the server."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="folder of the model")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--name", help="what clients call the model  [default: the folder's name]")
    known, others = parser.parse_known_args()
    if not (known.model / "config.json").is_file():
        parser.error(
            f"{known.model} holds no model; run: augury models convert starter:smollm2 --to {known.model}"
        )
    environment = {**CPU, **preloaded(), "VLLM_CPU_OMP_THREADS_BIND": cores(), **os.environ}
    arguments = command(known.model.resolve(), known.port, known.name or known.model.resolve().name, others)
    os.execve(arguments[0], arguments, environment)


if __name__ == "__main__":
    main()
