"""The chart of faithfulness against cost."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from captum_rnn.visualization.figure import empty_figure
from captum_rnn.visualization.labels import place_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

_OURS = "#0b6552"
_OTHERS = "#4c555e"
_QUIET = "#5c6670"
_MARK_RADIUS = 5.0
_WIDTH = 8.4
_HEIGHT = 5.4
_MOST_NAMES = 14
_LEGEND_COLUMNS = 3
_INCHES_A_LEGEND_LINE = 0.23


@dataclass(frozen=True)
class CostPoint:
    """One method on the chart.

    Attributes:
        label: The method's name, human-readable.
        forwards: What it costs, as a multiple of one bare forward pass; positive.
        value: Its faithfulness; higher is better.
        low: Lower bound of the interval around `value`.
        high: Upper bound of that interval.
        ours: Drawn as one of the methods under test, in green with round marks; the others are
            grey squares.
    """

    label: str
    forwards: float
    value: float
    low: float
    high: float
    ours: bool = False


def cost_figure(points: Sequence[CostPoint], *, floor: CostPoint | None = None) -> "Figure":
    """Draws faithfulness with its interval over the cost on a logarithmic axis.

    To be made and saved inside `captum_rnn.visualization.figure.drawing`.

    Up to 14 methods are named next to their marks. More are numbered, 1 being the most faithful,
    and named in a list below. The same points give the same text, whatever the time and the place.

    Args:
        points: The methods, at least one.
        floor: The baseline to beat (random scores), drawn as a line over all costs.

    Returns:
        The figure, labelled with its numbers in words.

    Raises:
        ValueError: There are no points, or a number cannot be drawn: not finite, or a cost that is
            not positive.
    """
    _check(points, floor)
    ranked = sorted(points, key=lambda point: -point.value)
    crowded = len(points) > _MOST_NAMES
    names = [str(rank) if crowded else point.label for rank, point in enumerate(ranked, 1)]
    lines = math.ceil(len(points) / _LEGEND_COLUMNS) if crowded else 0
    figure = empty_figure(_WIDTH, _HEIGHT + _INCHES_A_LEGEND_LINE * lines, _described(points))
    axes = figure.add_subplot()
    _draw_axes(axes)
    _set_limits(axes, points)
    for point in points:
        _draw_point(axes, point, interval_width=0.7 if crowded else 1.4)
    if floor is not None:
        _draw_floor(axes, floor)
    if crowded:
        _draw_legend(figure, ranked, names)
    figure.draw_without_rendering()
    # The labels are placed for this layout, so that it must not change with the resolution.
    figure.set_layout_engine("none")
    _draw_labels(axes, ranked, names, floor)
    return figure


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


def _described(points: Sequence[CostPoint]) -> str:
    numbers = "; ".join(
        f"{point.label}: {point.value:.3f} at {point.forwards:.2f} forward passes"
        for point in points
    )
    return f"Comprehensiveness against cost. {numbers}"


def _draw_axes(axes: "Axes") -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda cost, _: f"{cost:g}×"))
    axes.set_xlabel("cost, in forward passes (log scale; left is cheaper)")
    axes.set_ylabel("comprehensiveness (higher is better)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e4e8ec", linewidth=0.8)
    axes.set_axisbelow(True)


def _set_limits(axes: "Axes", points: Sequence[CostPoint]) -> None:
    """Room at the sides for labels, also where all points cost the same."""
    costs = [math.log10(point.forwards) for point in points]
    room = 0.12 * max(max(costs) - min(costs), 1.0)
    axes.set_xlim(10 ** (min(costs) - room), 10 ** (max(costs) + room))
    axes.margins(y=0.1)


def _draw_point(axes: "Axes", point: CostPoint, interval_width: float) -> None:
    axes.errorbar(
        [point.forwards],
        [point.value],
        yerr=[[max(point.value - point.low, 0.0)], [max(point.high - point.value, 0.0)]],
        fmt="o" if point.ours else "s",
        color=_colour(point),
        markersize=7,
        capsize=3,
        linewidth=interval_width,
    )


def _draw_floor(axes: "Axes", floor: CostPoint) -> None:
    axes.axhspan(floor.low, floor.high, color=_QUIET, alpha=0.15, linewidth=0)
    axes.axhline(floor.value, color=_QUIET, linewidth=1.2, linestyle="--")


def _draw_legend(figure: "Figure", points: Sequence[CostPoint], names: Sequence[str]) -> None:
    """Lists what the numbers on the chart stand for."""
    from matplotlib.lines import Line2D

    colours = [_colour(point) for point in points]
    figure.legend(
        [Line2D([], [], color=colour, linestyle="") for colour in colours],
        [f"{name}  {point.label}" for name, point in zip(names, points, strict=True)],
        loc="outside lower left",
        ncols=_LEGEND_COLUMNS,
        handlelength=0,
        handletextpad=0,
        frameon=False,
        fontsize=9.5,
        labelcolor=colours,
    )


def _draw_labels(
    axes: "Axes", points: Sequence[CostPoint], names: Sequence[str], floor: CostPoint | None
) -> None:
    taken = [_mark(axes, point) for point in points]
    if floor is not None:
        left, right = axes.get_xlim()
        taken.append(_mark(axes, floor, left, right))
        place_label(axes, floor.label, (left, floor.high), _QUIET, taken)
    # The outermost points have the least room, so their labels are placed first.
    middle = fmean(math.log10(point.forwards) for point in points)
    named = sorted(
        zip(points, names, strict=True),
        key=lambda pair: (-abs(math.log10(pair[0].forwards) - middle), pair[0].value, pair[1]),
    )
    for point, name in named:
        place_label(axes, name, (point.forwards, point.value), _colour(point), taken)


def _colour(point: CostPoint) -> str:
    return _OURS if point.ours else _OTHERS


def _mark(
    axes: "Axes", point: CostPoint, left: float | None = None, right: float | None = None
) -> "Bbox":
    """What a mark and its interval cover, in pixels; over all costs for the floor."""
    from matplotlib.transforms import Bbox

    lower = axes.transData.transform((left or point.forwards, min(point.low, point.value)))
    upper = axes.transData.transform((right or point.forwards, max(point.high, point.value)))
    return Bbox([lower, upper]).padded(_MARK_RADIUS)
