"""The chart of faithfulness against cost, as inline SVG."""

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from matplotlib.transforms import Bbox

from captum_rnn.visualization.labels import place_label

_OURS = "#b3590f"
_OTHERS = "#2b6ca3"
_QUIET = "#5c6670"
_MARK_RADIUS = 5.0


@dataclass(frozen=True)
class CostPoint:
    """One method on the chart.

    Attributes:
        label: The method's name for people.
        forwards: What it costs, as a multiple of one bare forward pass; positive.
        value: Its faithfulness; higher is better.
        low: Lower bound of the interval around `value`.
        high: Upper bound of that interval.
        ours: Drawn as one of the methods under test, in orange with round marks; the others are
            blue squares.
    """

    label: str
    forwards: float
    value: float
    low: float
    high: float
    ours: bool = False


def cost_chart(points: Sequence[CostPoint], *, floor: CostPoint | None = None) -> str:
    """Draws faithfulness with its interval over the cost on a logarithmic axis.

    The same points give the same text, whatever the time and the place.

    Args:
        points: The methods, at least one.
        floor: What a method has to beat, drawn as a line over all costs (random scores).

    Returns:
        An `<svg>` element with its text as text and an accessible description.

    Raises:
        ValueError: There are no points, or a number cannot be drawn: not finite, or a cost that is
            not positive.
    """
    _check(points, floor)
    with mpl.rc_context({"font.size": 11.0, "svg.fonttype": "none", "svg.hashsalt": "captum-rnn"}):
        figure = Figure(figsize=(8.4, 5.4), dpi=72, layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        _draw_axes(axes)
        for point in points:
            _draw_point(axes, point)
        if floor is not None:
            _draw_floor(axes, floor)
        _set_limits(axes, points)
        figure.draw_without_rendering()
        _draw_labels(axes, points, floor)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return _inline(file.getvalue(), points)


def _check(points: Sequence[CostPoint], floor: CostPoint | None) -> None:
    if not points:
        raise ValueError("a chart needs at least one point, got none")
    for point in [*points, *([floor] if floor else [])]:
        numbers = (point.forwards, point.value, point.low, point.high)
        if not all(map(math.isfinite, numbers)) or point.forwards <= 0:
            raise ValueError(
                f"the point {point.label!r} cannot be drawn: its value and interval must be finite "
                f"and its cost a positive multiple of one forward, got {point}"
            )


def _draw_axes(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda cost, _: f"{cost:g}×"))
    axes.set_xlabel("cost, in forward passes (log scale; left is cheaper)")
    axes.set_ylabel("comprehensiveness (higher is better)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e4e8ec", linewidth=0.8)
    axes.set_axisbelow(True)


def _set_limits(axes: Axes, points: Sequence[CostPoint]) -> None:
    """Room at the sides for labels, also where all points cost the same."""
    costs = [math.log10(point.forwards) for point in points]
    room = 0.12 * max(max(costs) - min(costs), 1.0)
    axes.set_xlim(10 ** (min(costs) - room), 10 ** (max(costs) + room))
    axes.margins(y=0.1)


def _draw_point(axes: Axes, point: CostPoint) -> None:
    axes.errorbar(
        [point.forwards],
        [point.value],
        yerr=[[max(point.value - point.low, 0.0)], [max(point.high - point.value, 0.0)]],
        fmt="o" if point.ours else "s",
        color=_OURS if point.ours else _OTHERS,
        markersize=7,
        capsize=3,
        linewidth=1.4,
    )


def _draw_floor(axes: Axes, floor: CostPoint) -> None:
    axes.axhspan(floor.low, floor.high, color=_QUIET, alpha=0.15, linewidth=0)
    axes.axhline(floor.value, color=_QUIET, linewidth=1.2, linestyle="--")


def _draw_labels(axes: Axes, points: Sequence[CostPoint], floor: CostPoint | None) -> None:
    taken = [_mark(axes, point) for point in points]
    if floor is not None:
        left, right = axes.get_xlim()
        taken.append(_mark(axes, floor, left, right))
        place_label(axes, floor.label, (left, floor.high), _QUIET, taken)
    for point in sorted(points, key=lambda point: (point.forwards, point.value, point.label)):
        colour = _OURS if point.ours else _OTHERS
        place_label(axes, point.label, (point.forwards, point.value), colour, taken)


def _mark(
    axes: Axes, point: CostPoint, left: float | None = None, right: float | None = None
) -> Bbox:
    """What a mark and its interval cover, in pixels; over all costs for the floor."""
    lower = axes.transData.transform((left or point.forwards, min(point.low, point.value)))
    upper = axes.transData.transform((right or point.forwards, max(point.high, point.value)))
    return Bbox([lower, upper]).padded(_MARK_RADIUS)


def _inline(svg: str, points: Sequence[CostPoint]) -> str:
    """The bare `<svg>` element, described in words for those who cannot see it."""
    element = svg[svg.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    description = "; ".join(
        f"{point.label}: {point.value:.3f} at {point.forwards:.2f} forward passes"
        for point in points
    )
    label = escape(f"Comprehensiveness against cost. {description}")
    return element.replace("<svg", f'<svg role="img" aria-label="{label}"', 1).rstrip()
