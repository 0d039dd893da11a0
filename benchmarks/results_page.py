"""The page that ``results.py`` writes, from its findings."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

_HEAD = """# What each part is worth

Made by `python -m benchmarks.results ../shared/data --work results-work`. Models: `starter:minilm` (dense)
and `bm25` (sparse); one passage a document. Intervals are 95 % bootstrap intervals over
queries; p is of a paired randomisation test against the dense row, corrected for the number of rows (Holm).
p50 is the time of one search for 100 documents, its encoders included, on a machine that did other things
too.

Reranked rows have `starter:hypencoder-minilm` score the best hits again. It was trained on queries of the
train splits of scifact and eedi, so that these two are nothing new to it; the others are, and there it gains
nothing (other weights of it: [benchmarks.md](benchmarks.md)). Tuned rows are of `augury tune`. They are
cross-validated: every query is searched with settings that the queries of other folds chose. With scenarios,
a train split chose fields, alpha and settings; as the reranker was trained on queries of that split, figures
of it there say nothing of new queries, and its weight is chosen too trustingly. Rows that lose are explained
below their table.
"""

_NO_WORDS = "what is looked for shares few words with the query, so no way of weighing terms goes far"
_WHY: dict[tuple[str, str], str] = {
    ("cosqa", "sparse"): "the documents are Python code, which says little in the words of a question.",
    ("eedi_misconceptions", "sparse"): f"{_NO_WORDS}.",
    ("eedi_misconceptions", "expansion"): "so small a model answers a question of mathematics with "
    "tales that have little to do with it.",
    ("eedi_misconceptions with scenarios", "sparse"): f"as without scenarios, which it does not see: "
    f"{_NO_WORDS}.",
}
"""Why a row loses: by collection and row. Looked up only where it does."""


EXPANSION = ("<!-- expansion of benchmarks/results.py -->", "<!-- end of expansion -->")
"""Between them is the table of expansion, which can be written on its own."""


def page(results: list[dict[str, Any]], expanded: dict[str, dict[str, Any]], order: list[str]) -> str:
    """The whole page."""
    results = sorted(results, key=lambda each: (order.index(each["name"].split(" ")[0]), each["name"]))
    parts = [_HEAD, _summary(results)]
    start, end = EXPANSION
    parts += ["## Expansion", "", start, "", expansion(expanded), end, ""]
    parts += [_collection(each) for each in results]
    versions = ", ".join(
        f"{name} {version(name)}" for name in ("torch", "sentence-transformers", "qdrant-edge-py")
    )
    parts.append(f"Python {platform.python_version()}, {versions}.\n")
    return "\n".join(parts)


def _summary(results: list[dict[str, Any]]) -> str:
    lines = [
        "## The default against the best single branch",
        "",
        "| collection | queries | best branch | nDCG@10 | fused default | difference | 95 % interval |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in results:
        against = each["against_best"]
        if against is None:
            continue
        rows = {row["name"]: row["measures"]["nDCG@10"]["mean"] for row in each["rows"]}
        lines.append(
            f"| {each['name']} | {each['queries']} | {against['best']} | {rows[against['best']]:.3f} | "
            f"{rows['fused']:.3f} | {_gain(against)} |"
        )
    lost = [each["name"] for each in results if each["against_best"] and each["against_best"]["high"] < 0]
    why = [f"- **{name}**: fused loses: {_WHY.get((name, 'fused'), 'not explained yet.')}" for name in lost]
    return "\n".join([*lines, "", *why] if why else lines) + "\n"


def expansion(found: dict[str, dict[str, Any]]) -> str:
    """The default with each query expanded against the default, by collection."""
    if not found:
        return "No LLM was named, so that no query was expanded.\n"
    lines = [
        "| collection | LLM | query's weight | fused default | + expansion | difference | 95 % interval |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {each['model']} | {each['query_weight']} | {each['fused']['mean']:.3f} | "
        f"{each['expanded']['mean']:.3f} | {_gain(each)} |"
        for name, each in found.items()
    ]
    lost = [name for name, each in found.items() if each["high"] < 0]
    why = [f"- **{name}** loses: {_WHY.get((name, 'expansion'), 'not explained yet.')}" for name in lost]
    lines += [
        "",
        *why,
        *([""] if why else []),
        "The default is measured together with the expansion, and may differ from its table below in the",
        "last digit where another processor computed: encoders use the precision that it is fastest in.",
    ]
    return "".join(f"{line}\n" for line in lines)


def _collection(found: dict[str, Any]) -> str:
    lines = [
        f"## {found['name']} ({found['split']}, {found['queries']} queries)",
        "",
        "| row | nDCG@10 | 95 % interval | - dense | p | R@100 | p50 ms |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in found["rows"]:
        value, difference = row["measures"]["nDCG@10"], row["difference"].get("nDCG@10")
        change = f"{difference['mean']:+.3f} | {_p(difference['p'])}" if difference else "|"
        lines.append(
            f"| {row['name']} | {value['mean']:.3f} | {value['low']:.3f} to {value['high']:.3f} | {change} | "
            f"{row['measures']['R@100']['mean']:.3f} | {row['latency']['p50_ms']:.0f} |"
        )
    tuned = found["tuned"]
    if "train_queries" not in found:
        after = tuned["after"]
        lines.append(
            f"| tuned, cross-validated | {after['mean']:.3f} | {after['low']:.3f} to {after['high']:.3f} "
            "| | | | |"
        )
    lines += ["", *_tuning(found), *_losers(found)]
    lines += [f"Note: {note}" for note in found.get("notes", [])]
    return "\n".join(lines) + "\n"


def _tuning(found: dict[str, Any]) -> list[str]:
    tuned = found["tuned"]
    changed = "; ".join(
        f"{each['name']} from {each['before']} to {each['after']}"
        for each in tuned["settings"]
        if each["before"] != each["after"]
    )
    lines = []
    chosen = found.get("chosen")
    if chosen:
        tried = "; ".join(
            f"{name}: {max(values.values()):.3f} at alpha {max(values, key=lambda each: values[each])}"
            for name, values in chosen["tried"].items()
        )
        lines.append(
            f"The scenarios' fields ({chosen['fields']}) and alpha ({chosen['alpha']}) are those that find "
            f"best on the {found['train_queries']} train queries with the folded branch alone ({tried})."
        )
    where = f"on {tuned['dataset']}" if chosen else "by cross-validation"
    lines.append(
        f"Tuned {where}: {changed or 'nothing helps with confidence, so nothing is changed'}. There the "
        f"default gives {tuned['before']['mean']:.3f} and the tuned settings, cross-validated, "
        f"{tuned['after']['mean']:.3f} ({_gain(tuned['difference'], ', ')})."
    )
    if "against_scenarios" in found:
        lines += ["", "| row | - scenarios | 95 % interval |", "|---|---|---|"]
        lines += [f"| {name} | {_gain(each)} |" for name, each in found["against_scenarios"].items()]
    return [*lines, ""]


def _losers(found: dict[str, Any]) -> list[str]:
    lines = []
    for row in found["rows"]:
        difference = row["difference"].get("nDCG@10")
        if difference and difference["high"] < 0:
            why = _WHY.get((found["name"], row["name"]), "not explained yet.")
            lines.append(f"- **{row['name']}** loses against dense: {why}")
    return [*lines, ""] if lines else []


def _gain(difference: dict[str, float], between: str = " | ") -> str:
    return f"{difference['mean']:+.3f}{between}{difference['low']:+.3f} to {difference['high']:+.3f}"


def _p(p: float) -> str:
    return "<.001" if p < 0.001 else f"{p:.3f}".lstrip("0")
