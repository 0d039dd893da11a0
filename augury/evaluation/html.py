"""An evaluation or an ablation as one HTML file that needs nothing else: no script, no font, no network."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..schemas.evaluation import Ablation, AblationRow, Evaluation, Mean, QueryOutcome
from .html_table import Markup, details, markup, table
from .plots import Point, gains_figure, latency_figure, recall_figure, svg, values_figure
from .statistics import p_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_QUERIES = 200
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; margin: 0 } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem }
h1, td { overflow-wrap: anywhere } .dim { color: #555 } .wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem }
th, td { padding: .3rem .7rem; text-align: left; vertical-align: top; border-bottom: 1px solid #e4e4e4 }
th { border-bottom: 2px solid #999; vertical-align: bottom }
.n { text-align: right } td.n { white-space: nowrap }
td:first-child { min-width: 6rem } td:not(.n):not(:first-child) { min-width: 14rem }
.notes { border-left: 4px solid #d55e00; padding: .1rem 1rem; background: #fdf3ec; margin: 1rem 0 }
img { max-width: 100%; height: auto; display: block } summary { cursor: pointer; margin: .6rem 0 }
pre { font-size: .8rem; background: #f6f6f6; padding: 1rem; overflow-x: auto }
"""


def write_report(path: Path, found: Evaluation | Ablation) -> None:
    """``write_report(Path("report.html"), evaluation)``. Raises ``MissingDependency`` without matplotlib."""
    path.write_text(report(found), encoding="utf-8")


def report(found: Evaluation | Ablation) -> str:
    """``report(evaluation)`` or ``report(ablation)``: the page. What queries and documents say is escaped.

    Raises ``MissingDependency`` without matplotlib.
    """
    rows = found.rows if isinstance(found, Ablation) else (AblationRow(name="search", evaluation=found),)
    skipped = found.skipped if isinstance(found, Ablation) else ()
    first = rows[0].evaluation
    title = markup(f"{first.dataset} on {first.index}")
    notes = dict.fromkeys(note for row in rows for note in row.evaluation.notes)
    made = (
        f"{first.queries.searched:,} queries, {first.date:%Y-%m-%d %H:%M} UTC, "
        f"augury {first.augury_version}, {first.engine} {first.engine_version}"
    )
    body = [
        f"<h1>{title}</h1>",
        f'<p class="dim">{markup(made)}</p>',
        _list(notes, "notes"),
        "<h2>Measures</h2>",
        _measures(rows),
        _list((f"{row.name} was not run: {row.reason}" for row in skipped), "dim"),
        *_figures(rows),
        "<h2>Queries</h2>",
        _queries_of_rows(rows) if len(rows) > 1 else _queries(first),
        "<h2>Counts and settings</h2>",
        _counts(first),
        *(details(f"Settings of {row.name}", _settings(row.evaluation)) for row in rows),
        details("Profile of the index", first.profile.model_dump_json(indent=2)),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body></html>\n"
    )


def _measures(rows: Sequence[AblationRow]) -> Markup:
    names = list(rows[0].evaluation.measures)
    compared = len(rows) > 1
    head = ["", *(part for name in names for part in ((name, "difference") if compared else (name,)))]
    cells = []
    for row in rows:
        cells.append([row.name])
        for name in names:
            cells[-1].append(_interval(row.evaluation.measures[name]))
            if compared:
                against = row.differences.get(name)
                # The first row is what the others are compared with.
                cells[-1].append(
                    _two_lines(f"{against.mean:+.3f}", f"(p {p_text(against.p)})") if against else ""
                )
        total = row.evaluation.latency.get("total")
        cells[-1] += [f"{total.p50_ms:.1f}", f"{total.p95_ms:.1f}"] if total else ["", ""]
    legend = "Means over queries with their 95 % bootstrap interval; milliseconds a search"
    legend += f" for {rows[0].evaluation.depth} documents, median and 95th percentile."
    if compared:
        legend += (
            f" Differences are to {rows[0].name}; p is of the paired randomisation test, corrected by Holm's "
            "method for the number of rows."
        )
    return Markup(table([*head, "p50 ms", "p95 ms"], cells) + f'<p class="dim">{markup(legend)}</p>')


def _interval(value: Mean) -> Markup:
    return _two_lines(f"{value.mean:.3f}", f"{value.low:.3f} to {value.high:.3f}")


def _two_lines(number: str, about_it: str) -> Markup:
    return Markup(f'{markup(number)}<br><span class="dim">{markup(about_it)}</span>')


def _figures(rows: Sequence[AblationRow]) -> list[str]:
    measure = next(iter(rows[0].evaluation.measures))
    values = {row.name: [each.values[measure] for each in row.evaluation.outcomes] for row in rows}
    first, *others = values
    found = []
    if others:
        gains = {name: [b - a for a, b in zip(values[first], values[name], strict=True)] for name in others}
        found.append((f"{measure} by query, against {first}", gains_figure(gains)))
        points = [
            Point(row.name, row.evaluation.measures[measure], row.evaluation.latency["total"].p50_ms)
            for row in rows
            if "total" in row.evaluation.latency
        ]
        found.append((f"{measure} against latency", latency_figure(points, measure)))
    else:
        found.append((f"{measure} by query", values_figure(values[first], measure)))
    curves = {row.name: row.evaluation.recall for row in rows}
    found.append(("Recall", recall_figure(curves)))
    return [part for title, figure in found for part in (f"<h2>{markup(title)}</h2>", _image(figure, title))]


def _image(figure: Figure, title: str) -> str:
    # As an image, a figure shares no ids and no styles with the page or with another one.
    data = base64.b64encode(svg(figure).encode()).decode()
    return f'<img alt="{markup(title)}" src="data:image/svg+xml;base64,{data}">'


def _queries(evaluation: Evaluation) -> Markup:
    """Every query, the worst first."""
    measures = list(evaluation.measures)
    outcomes = sorted(evaluation.outcomes, key=lambda each: each.values[measures[0]])
    cells = [
        [
            each.query_id,
            each.error or each.text,
            _top(each),
            str(each.first_relevant or "-"),
            *(f"{each.values[name]:.3f}" for name in measures),
        ]
        for each in outcomes[:_MOST_QUERIES]
    ]
    head = ["query", "text", "first documents (relevance)", "first relevant at", *measures]
    return details(_shown(len(cells), len(outcomes), "the worst first"), table(head, cells, text=(0, 1, 2)))


def _queries_of_rows(rows: Sequence[AblationRow]) -> Markup:
    """Every query in every row, those that differ most first."""
    measure = next(iter(rows[0].evaluation.measures))
    outcomes = [
        (each[0], [outcome.values[measure] for outcome in each])
        for each in zip(*(row.evaluation.outcomes for row in rows), strict=True)
    ]
    outcomes.sort(key=lambda each: min(each[1]) - max(each[1]))
    cells = [
        [outcome.query_id, outcome.text, *(f"{value:.3f}" for value in values)]
        for outcome, values in outcomes[:_MOST_QUERIES]
    ]
    head = ["query", f"text ({measure} in the columns)", *(row.name for row in rows)]
    shown = _shown(len(cells), len(outcomes), "those whose rows differ most first")
    return details(shown, table(head, cells, text=(0, 1)))


def _shown(count: int, of: int, order: str) -> str:
    return f"{count:,} of {of:,} queries, {order}"


def _top(outcome: QueryOutcome) -> Markup:
    lines = []
    for each in outcome.top:
        name = markup(f"{each.title or each.doc_id} ({'?' if each.relevance is None else each.relevance})")
        lines.append(f"<b>{name}</b>" if (each.relevance or 0) > 0 else name)
    return Markup("<br>".join(lines))


def _counts(evaluation: Evaluation) -> Markup:
    counts = {**evaluation.queries.model_dump(), **evaluation.documents.model_dump(exclude={"missing_ids"})}
    names = {"judged": "judged documents", "missing": "of them not in the index"}
    names |= {"relevant": "relevant documents", "missing_relevant": "of them not in the index"}
    names |= {
        "searched": "queries searched",
        "failed": "of them failed",
        "without_hits": "of them without hits",
    }
    names |= {"without_relevant": "of them without a relevant document"}
    names |= {"unjudged": "queries that nobody judged", "without_text": "judged queries without text"}
    return table(["", "count"], [[names[name], f"{count:,}"] for name, count in counts.items()])


def _settings(evaluation: Evaluation) -> str:
    shown = {
        "dataset": evaluation.dataset,
        "index": evaluation.index,
        "depth": evaluation.depth,
        "exclude_self": evaluation.exclude_self,
        "options": evaluation.options,
        "latency_ms": {stage: spent.model_dump() for stage, spent in evaluation.latency.items()},
        "plan of the first query": evaluation.plan.model_dump(mode="json") if evaluation.plan else None,
    }
    return json.dumps(shown, ensure_ascii=False, indent=2)


def _list(lines: Iterable[str], kind: str) -> str:
    items = "".join(f"<li>{markup(line)}</li>" for line in lines)
    return f'<div class="{kind}"><ul>{items}</ul></div>' if items else ""
