"""What distilling and preferences are worth: two tables of docs/training.md.

python -m benchmarks.llm_training [scenarios] [expander] [--work llm-rows] [--data ../shared/data]
    [--python .venv-llm/bin/python] [--unseen-only] [--docs docs/training.md]

``scenarios`` distils a teacher's scenarios of 80 % of a collection's documents into SmolLM2-135M, has base
and result write for the unseen ones without a schema and for all of them as ingest asks, and searches with
each. With ``--unseen-only`` they write for and search the unseen ones alone, a fifth of the work; queries are
then those of every split that these documents answer, as nothing was chosen by any. ``expander`` makes
preference pairs of a collection's train queries, trains on them, and searches the test queries with
expansions by base and result. vLLM is started for each model (``make llm`` makes its environment). Every
stage leaves a file in the work folder, with the revision of the model that wrote it, and is not done again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.llm_bench import Bench
from benchmarks.llm_expander import expander
from benchmarks.llm_scenarios import scenarios
from benchmarks.training import write_table

_MARKS = {
    name: (f"<!-- {name} of benchmarks/llm_training.py -->", f"<!-- end of {name} -->")
    for name in ("scenarios", "expander")
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tables", nargs="*", metavar="TABLE", help="scenarios or expander; both by default")
    parser.add_argument("--work", type=Path, default=Path("llm-rows"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--python", type=Path, default=Path(".venv-llm/bin/python"))
    parser.add_argument("--unseen-only", action="store_true", help="write for the unseen documents alone")
    parser.add_argument("--docs", type=Path)
    arguments = parser.parse_args()
    bench = Bench(arguments.data, arguments.work, arguments.python.absolute(), arguments.unseen_only)
    made = {"scenarios": scenarios, "expander": expander}
    if unknown := set(arguments.tables).difference(made):
        parser.error(f"there is no table {', '.join(sorted(unknown))}; there are {', '.join(made)}")
    for name in arguments.tables or made:
        text = made[name](bench)
        print(text, flush=True)
        if arguments.docs:
            write_table(arguments.docs, text, _MARKS[name])


if __name__ == "__main__":
    main()
