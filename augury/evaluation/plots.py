"""Figures of a report, drawn by matplotlib as SVG that needs nothing from anywhere."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import MissingDependency
from ..schemas.evaluation import Mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The eight colours of Okabe and Ito that tell apart for every eye (https://jfly.uni-koeln.de/color/).
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8A7F00")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_GAIN, _LOSS, _GREY = "#009E73", "#D55E00", "#666666"
_WIDTH_IN = 8.0
_LOG_FROM = 8.0
"""Latencies this many times apart share no linear axis."""
_STYLE: Any = {  # matplotlib types every name of a setting
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _GREY,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "svg.hashsalt": "augury",  # the same input gives the same file
    "text.parse_math": False,
}


@dataclass(frozen=True)
class Point:
    """One way to search: what it is worth, and what it takes."""

    name: str
    value: Mean
    p50_ms: float


def require_matplotlib() -> None:
    """Raises ``MissingDependency`` where figures cannot be drawn, before hours are spent on the numbers."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingDependency("matplotlib", "report") from error


def values_figure(values: Sequence[float], measure: str) -> Figure:
    """Every query's value, the best first."""
    figure, (axes,) = _figure(1, height_in=2.6)
    ordered = sorted(values, reverse=True)
    axes.stairs(ordered, fill=True, color=_COLOURS[0])
    axes.axhline(float(np.mean(ordered)), color=_GREY, linewidth=1, linestyle="--")
    axes.set(xlabel="queries, the best first (dashed: the mean)", ylabel=measure, xlim=(0, len(ordered)))
    axes.set_ylim(bottom=min(0.0, *ordered))
    axes.grid(axis="x", visible=False)
    return figure


def gains_figure(gains: Mapping[str, Sequence[float]]) -> Figure:
    """Every query's gain and loss in each row: one panel a row, the largest gain first."""
    figure, panels = _figure(len(gains), height_in=0.5 + 1.25 * len(gains))
    reach = max((abs(gain) for each in gains.values() for gain in each), default=0.0) or 1.0
    for axes, (name, each) in zip(panels, gains.items(), strict=True):
        ordered = np.array(sorted(each, reverse=True))
        axes.stairs(np.maximum(ordered, 0), fill=True, color=_GAIN)
        axes.stairs(np.minimum(ordered, 0), fill=True, color=_LOSS)
        axes.axhline(0, color=_GREY, linewidth=0.8)
        better, worse = int((ordered > 0).sum()), int((ordered < 0).sum())
        axes.set_title(
            f"{name}: {better} better, {worse} worse, {len(ordered) - better - worse} the same",
            loc="left",
            fontsize=10,
        )
        axes.set(xlim=(0, len(ordered)), ylim=(-1.05 * reach, 1.05 * reach))
        axes.grid(axis="x", visible=False)
    for axes in panels[:-1]:
        axes.tick_params(labelbottom=False)
    panels[-1].set_xlabel("queries, the largest gain first")
    figure.supylabel("gain", fontsize=10)
    return figure


def latency_figure(points: Sequence[Point], measure: str) -> Figure:
    """What each way to search is worth, against the median time it takes."""
    figure, (axes,) = _figure(1, height_in=3.6)
    for place, point in enumerate(points):
        mean = point.value.mean
        axes.errorbar(
            point.p50_ms,
            mean,
            yerr=[[mean - point.value.low], [point.value.high - mean]],
            fmt=_MARKERS[place % len(_MARKERS)],
            color=_COLOURS[place % len(_COLOURS)],
            markersize=8,
            capsize=3,
            elinewidth=1,
            label=point.name,
        )
    times = [point.p50_ms for point in points]
    if max(times) > _LOG_FROM * min(times) > 0:
        axes.set_xscale("log")
        axes.set_xlim(min(times) / 1.5, max(times) * 1.5)
    else:
        axes.set_xlim(0, max(times) * 1.1 or 1.0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("milliseconds a search, median (bars: 95 % interval of the mean)")
    axes.set_ylabel(measure)
    _legend(axes)
    return figure


def recall_figure(curves: Mapping[str, Mapping[int, float]]) -> Figure:
    """Recall within the first k documents."""
    figure, (axes,) = _figure(1, height_in=3.6)
    for place, (name, curve) in enumerate(curves.items()):
        axes.plot(
            list(curve),
            list(curve.values()),
            marker=_MARKERS[place % len(_MARKERS)],
            color=_COLOURS[place % len(_COLOURS)],
            markersize=5,
            linewidth=1.6,
            label=name,
        )
    cutoffs = sorted({cutoff for curve in curves.values() for cutoff in curve})
    axes.set_xscale("log")
    axes.set_xticks(_apart(cutoffs), [f"{cutoff:,}" for cutoff in _apart(cutoffs)])
    axes.set_xticks([], minor=True)
    axes.set(xlabel="k documents", ylabel="recall within k", ylim=(0, 1.02))
    if len(curves) > 1:
        _legend(axes)
    return figure


def svg(figure: Figure) -> str:
    """The figure as SVG, without a date, so that the same input gives the same text."""
    import matplotlib

    written = io.StringIO()
    nothing: dict[str, Any] = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with matplotlib.rc_context(_STYLE):
        figure.savefig(written, format="svg", metadata=nothing)
    return written.getvalue()


def _figure(rows: int, *, height_in: float) -> tuple[Figure, list[Axes]]:
    require_matplotlib()
    import matplotlib
    from matplotlib.figure import Figure  # not pyplot, which keeps figures and looks for a screen

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")
        return figure, [figure.add_subplot(rows, 1, row + 1) for row in range(rows)]


def _legend(axes: Axes) -> None:
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9)


def _apart(cutoffs: Sequence[int]) -> list[int]:
    """Cut-offs far enough from each other for their labels."""
    kept: list[int] = []
    for cutoff in cutoffs:
        if not kept or math.log10(cutoff / kept[-1]) > 0.15:
            kept.append(cutoff)
    return kept
