"""A work folder whose stages are done once, and LLMs that are served: ``bench.served(name, base)``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from augury.evaluation.evaluate import mean_of
from augury.schemas.evaluation import Evaluation, Mean
from augury.schemas.llm import LlmProfile
from augury.trainers.gate import gains
from augury.trainers.llm.base import LlmBase
from augury.trainers.workplace import write_whole
from serving.server import LlmServer

PRESET = "smollm2"
MEASURE = "nDCG@10"


class Bench:
    """Where the stages leave their files, and how a model is served."""

    def __init__(self, data: Path, work: Path, python: Path, unseen_only: bool) -> None:
        self.data, self.work, self.python = data, work, python
        self.unseen_only = unseen_only
        work.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def served(self, called: str, base: LlmBase) -> Iterator[LlmProfile]:
        """vLLM with this model; answers are kept in the cache by its name."""
        log = self.work / f"vllm-{called}.log"
        with LlmServer(str(self.python), base.folder, log, "--name", called) as server:
            yield LlmProfile(base_url=server.url, model=called, timeout=1800)

    def file(self, name: str) -> Path:
        """Where a stage leaves what it comes to."""
        return self.work / f"{name}.json"

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """What a stage left, or what it leaves now."""
        file = self.file(name)
        if not file.exists():
            write_whole(file, json.dumps(make()))
        return json.loads(file.read_text(encoding="utf-8"))


def called(name: str, base: LlmBase) -> str:
    """A name that no other model has."""
    return f"{name}-{base.revision[:12]}"


def against(before: Evaluation, after: Evaluation, empty: bool) -> str:
    if empty:
        return ""
    return signed(gains(before, after)[MEASURE].difference)


def difference(values: Sequence[float]) -> str:
    """The mean of differences, with its interval."""
    return signed(mean_of(values))


def signed(mean: Mean) -> str:
    return f"{mean.mean:+.3f} [{mean.low:+.3f}, {mean.high:+.3f}]"


def interval(mean: Mean) -> str:
    return f"{mean.mean:.3f} [{mean.low:.3f}, {mean.high:.3f}]"
