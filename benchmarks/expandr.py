"""ExpandR's joint loop (Yao et al. 2025, https://arxiv.org/abs/2502.17057): what each of its steps gains.

python -m benchmarks.expandr FOLDER --llm .llm/smollm2 --serve .venv-llm/bin/python
python -m benchmarks.expandr FOLDER --llm .llm/smollm2 --base-url URL --tuned-url URL

FOLDER is in BEIR layout. On its train split: preference pairs by the LLM, the expander trained on them, its
expansions, a dense encoder trained on those. On another split, which no step has seen: nDCG@10 of the query
as it is, with the LLM's expansion, with the trained expander's, and that with the trained encoder. Each step
is a command of its own, so that LLM server and training never share a GPU. A step that is done is not done
again, and one that was broken off goes on. The table is printed and is in WORK/table.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

import augury
from augury.errors import UsageError
from augury.evaluation.dataset import Dataset, open_dataset
from augury.evaluation.evaluate import mean_of
from augury.evaluation.measure import per_query, to_run
from augury.evaluation.statistics import p_text, paired_p
from augury.models.folder import folder_revision
from augury.schemas.evaluation import Mean
from augury.schemas.training_report import REPORT_FILE
from augury.trainers.data.preferences.rewards import RewardKind
from augury.trainers.gate import index_profile
from augury.trainers.workplace import write_whole
from benchmarks.bench_expansion import changed
from benchmarks.expansions import ask_all
from serving.server import LlmServer

MEASURE = "nDCG@10"
DEPTH = 100
STEPS = ("query as it is", "LLM's expansion", "trained expander", "and trained encoder")


@dataclass(frozen=True)
class Plan:
    """What is run: the options of the command line, which a work folder keeps."""

    folder: str
    train: str
    split: str
    llm: str
    dense: str
    query_weight: float
    reward: str
    queries: int | None
    samples: int
    expander: tuple[str, ...]
    encoder: tuple[str, ...]


class Loop:
    """``Loop(plan, Path("expandr"), serve, urls).run()``: the table, after every step.

    Args:
        serve: an interpreter that has vLLM; None where servers run already.
        urls: of the LLM and of the trained expander, where they do.
    """

    def __init__(self, plan: Plan, work: Path, serve: str | None, urls: tuple[str, str]) -> None:
        self._plan = plan
        self._work = work
        self._serve = serve
        self._urls = urls
        self._dataset = open_dataset(plan.folder, split=plan.split)
        self._expander = work / "expander"
        self._encoder = work / "encoder"

    def run(self) -> str:
        """Every step that is not done yet."""
        plan, work = self._plan, self._work
        pairs, expanded = work / "pairs.jsonl", work / "expanded.jsonl"
        train = f"{plan.folder}:{plan.train}"
        weight = ("--query-weight", str(plan.query_weight))
        index = self._index("index", plan.dense)
        self._measured(0, index, None)
        if not (_done(pairs).exists() and self._values(1).exists()):
            with self._served(Path(plan.llm), self._urls[0]) as url:
                self._measured(1, index, url)
                how = ("--index", index, "--branches", "dense", "--reward", plan.reward, *weight)
                many = ("--samples", str(plan.samples), *_given("--queries", plan.queries))
                made = ("generate", "preferences", train, "--to", pairs, *how, *many, "--llm-url", url)
                self._write(pairs, *made)
        training = ("train", "expander", pairs, "--to", self._expander, "--base", plan.llm)
        self._train(self._expander / REPORT_FILE, *training, *plan.expander)
        if not (_done(expanded).exists() and self._values(2).exists()):
            with self._served(self._expander, self._urls[1]) as url:
                self._measured(2, index, url)
                self._write(expanded, "generate", "expansions", train, "--to", expanded, "--llm-url", url)
        encoding = ("train", "dense", expanded, "--to", self._encoder, "--preset", "expandr", *weight)
        self._train(self._encoder / REPORT_FILE, *encoding, "--base", plan.dense, *plan.encoder)
        if not self._values(3).exists():
            index = self._index("index-trained", str(self._encoder))
            with self._served(self._expander, self._urls[1]) as url:
                self._measured(3, index, url)
        return self._table()

    def _train(self, report: Path, *arguments: object) -> None:
        """Unless it was done. A model that was refused is gone on with: the table says what it is worth."""
        if not report.exists():
            ended = _run(*arguments)
            if not report.exists():
                raise SystemExit(f"The step ended with {ended}. Mend it and run the same command again.")

    def _write(self, file: Path, *arguments: object) -> None:
        """Unless it was done without a failure: what is missing is written when the command is run again."""
        if not _done(file).exists():
            ended = _run(*arguments)
            if ended:
                raise SystemExit(f"The step ended with {ended}. Run the same command again: it goes on.")
            _done(file).touch()

    def _index(self, name: str, dense: str) -> Path:
        """The whole collection by one dense encoder."""
        place = self._work / name
        with augury.open(place, profile=index_profile("dense", dense)) as index:
            index.ingest(augury.open_source(str(self._plan.folder)), scenarios="none")
        return place

    def _values(self, step: int) -> Path:
        return self._work / f"step-{step}.json"

    def _measured(self, step: int, where: Path, url: str | None) -> None:
        """The measure of every query."""
        if self._values(step).exists():
            return
        data: Dataset = self._dataset
        change = partial(changed, url=url or "", query_weight=self._plan.query_weight)
        with augury.open(where, create=False, profile=change) as index:
            options = augury.SearchOptions(
                branches=("dense",), expand="llm" if url else "off", rerank=0, limit=DEPTH
            )
            if url:
                ask_all(index.profile.llm, index.profile.expansion, list(data.queries.values()))
            results = index.retriever.search_batch(list(data.queries.values()), options)
        run = to_run(dict(zip(data.queries, results, strict=True)))
        for query, found in run.items():
            run[query] = {doc: score for doc, score in found.items() if doc not in data.dropped(query)}
        values = per_query(data.qrels, run, [MEASURE])[MEASURE]
        write_whole(self._values(step), json.dumps(values))

    @contextmanager
    def _served(self, model: Path, url: str) -> Iterator[str]:
        """The address of a server of this model, by a name of its weights: answers are kept by that name."""
        if self._serve is None:
            yield url
            return
        name = f"{model.name}-{folder_revision(model.resolve())[:12]}"
        print(f"Serving {model} as {name}", flush=True)
        with LlmServer(self._serve, model, self._work / f"{name}.log", "--name", name) as server:
            yield server.url

    def _table(self) -> str:
        """Markdown: the measure after each step, and what it adds to the one before and to the first."""
        columns = ("", MEASURE, "more than the step before", "p", "more than the query as it is", "p")
        lines: list[Sequence[str]] = [columns, ("---",) * len(columns)]
        queries = list(self._dataset.qrels)
        steps = [json.loads(self._values(step).read_text()) for step in range(len(STEPS))]
        values = [[float(step[query]) for query in queries] for step in steps]
        for step, name in enumerate(STEPS):
            mean = mean_of(values[step])
            cells = [name, f"{mean.mean:.3f} [{mean.low:.3f}, {mean.high:.3f}]"]
            for before in (step - 1, 0) if step else ():
                gain = gained(values[before], values[step])
                cells += [f"{gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"]
                cells += [p_text(paired_p(values[before], values[step]))]
            lines.append((*cells, *[""] * (len(columns) - len(cells))))
        text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
        head = f"{self._dataset.name}, {len(queries)} queries, 95 % intervals, paired by query:\n\n"
        write_whole(self._work / "table.md", head + text)
        return head + text


def _done(file: Path) -> Path:
    """Is there once the file is whole."""
    return file.with_suffix(".done")


def _run(*arguments: object) -> int:
    command = [sys.executable, "-m", "augury", *map(str, arguments)]
    print("$", *command[1:], flush=True)
    return subprocess.run(command, check=False).returncode


def gained(before: Sequence[float], after: Sequence[float]) -> Mean:
    """The mean difference of paired values, with its interval."""
    return mean_of([b - a for a, b in zip(before, after, strict=True)])


def _given(option: str, value: Any) -> tuple[str, ...]:
    return () if value is None else (option, str(value))


def kept(plan: Plan, work: Path) -> None:
    """Raises ``UsageError`` where the work folder is of another plan."""
    file = work / "plan.json"
    wanted = json.loads(json.dumps(plan.__dict__))
    if file.is_file():
        before = json.loads(file.read_text(encoding="utf-8"))
        other = [name for name in wanted if before.get(name) != wanted[name]]
        if other:
            raise UsageError(f"{work} was begun with another {', '.join(other)}", "Name another with --work")
        return
    work.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps(wanted, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--work", type=Path, default=Path("expandr"))
    parser.add_argument("--train", default="train", help="the split that is trained on")
    parser.add_argument("--split", default="test", help="the split that is measured")
    parser.add_argument("--llm", required=True, help="the folder of the LLM")
    parser.add_argument("--serve", metavar="PYTHON", help="an interpreter that has vLLM: serves both LLMs")
    parser.add_argument("--base-url", default="", help="or where the LLM is served")
    parser.add_argument("--tuned-url", default="", help="and the trained expander, under another name")
    parser.add_argument("--dense", default="starter:minilm")
    parser.add_argument("--query-weight", type=float, default=0.5)
    parser.add_argument("--reward", choices=get_args(RewardKind), default="retrieval")
    parser.add_argument("--queries", type=int, help="so many of the training queries")
    parser.add_argument("--samples", type=int, default=8, help="of each temperature")
    parser.add_argument("--expander", nargs="*", default=[], metavar="KEY=VALUE", help="lr=1e-4, preset=...")
    parser.add_argument(
        "--encoder", nargs="*", default=[], metavar="KEY=VALUE", help="the same of the encoder"
    )
    given = parser.parse_args()
    if not given.serve and not (given.base_url and given.tuned_url):
        parser.error("name --serve, or both --base-url and --tuned-url")
    expander, encoder = (_options(each) for each in (given.expander, given.encoder))
    plan = Plan(
        given.folder,
        given.train,
        given.split,
        given.llm,
        given.dense,
        given.query_weight,
        given.reward,
        given.queries,
        given.samples,
        expander,
        encoder,
    )
    kept(plan, given.work)
    print(Loop(plan, given.work, given.serve, (given.base_url, given.tuned_url)).run())


def _options(pairs: Sequence[str]) -> tuple[str, ...]:
    """``["lr=1e-4"]`` as ``("--lr", "1e-4")``."""
    found: list[str] = []
    for pair in pairs:
        name, _, value = pair.partition("=")
        found += [f"--{name}", *([value] if value else [])]
    return tuple(found)


if __name__ == "__main__":
    main()
