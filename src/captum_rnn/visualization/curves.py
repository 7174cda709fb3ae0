"""Curves of the probability while words are removed from a text or put into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from captum_rnn.visualization.figure import empty_figure

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (
    "#0b6552",
    "#7a4fa3",
    "#1a1a1a",
    "#cc79a7",
    "#8a7a00",
    "#59c3a0",
    "#7d5a3c",
    "#8c8c8c",
)
"""Colours of the highlighted lines, as many as there can be; none of them
the orange or the blue of scores."""

_QUIET = "#c9d0d6"
_FLOOR = "#5c6670"
_WIDTH = 8.4
_HEIGHT = 5.0
_LEGEND_COLUMNS = 3


@dataclass(frozen=True)
class Panel:
    """One diagram.

    Attributes:
        title: Stands above it.
        axis: Name of the horizontal axis.
        curves: Probabilities after each step by the name of the method; the steps are equal and
            lead from nothing to all words.
    """

    title: str
    axis: str
    curves: Mapping[str, Sequence[float]]


def curves_figure(
    panels: Sequence[Panel], *, shown: Sequence[str], floor: str | None = None
) -> "Figure":
    """Draws diagrams of curves next to each other.

    To be made and saved inside `captum_rnn.visualization.figure.drawing`.

    Args:
        panels: The diagrams, at least one.
        shown: Names of the curves that have a colour and stand in the legend, at most as many as
            `COLOURS`; the others are thin and grey.
        floor: Name of the curve that a method has to beat, drawn as a dashed line.

    Returns:
        The figure, labelled with the mean of each shown curve.

    Raises:
        ValueError: There is no panel, a curve has fewer than two points, or more are to be shown
            than there are colours.
    """
    _check(panels, shown)
    figure = empty_figure(_WIDTH, _HEIGHT, _described(panels, shown))
    styles = dict(zip(shown, COLOURS, strict=False))
    all_axes = figure.subplots(
        1, len(panels), sharey=True, squeeze=False, gridspec_kw={"wspace": 0.06}
    )[0]
    for axes, panel in zip(all_axes, panels, strict=True):
        _draw_panel(axes, panel, styles, floor)
    all_axes[0].set_ylabel("probability of the predicted class")
    figure.legend(
        handles=_legend({name for panel in panels for name in panel.curves}, styles, floor),
        loc="outside lower center",
        ncols=_LEGEND_COLUMNS,
        frameon=False,
        fontsize=10,
    )
    return figure


def _check(panels: Sequence[Panel], shown: Sequence[str]) -> None:
    if not panels:
        raise ValueError("a chart of curves needs at least one panel, got none")
    if len(shown) > len(COLOURS):
        raise ValueError(
            f"{len(shown)} curves shall stand out, but there are {len(COLOURS)} colours; name "
            "fewer in `shown`"
        )
    for panel in panels:
        short = [name for name, curve in panel.curves.items() if len(curve) < 2]
        if short:
            raise ValueError(
                f"the curve of {short[0]!r} in {panel.title!r} has fewer than two points; pass the "
                "probability before the first step and after each"
            )


def _described(panels: Sequence[Panel], shown: Sequence[str]) -> str:
    return ". ".join(
        f"{panel.title}, mean over the steps: "
        + "; ".join(
            f"{name} {sum(panel.curves[name]) / len(panel.curves[name]):.3f}"
            for name in shown
            if name in panel.curves
        )
        for panel in panels
    )


def _legend(drawn: set[str], styles: Mapping[str, str], floor: str | None) -> "list[Artist]":
    from matplotlib.lines import Line2D

    handles: list[Artist] = [
        Line2D([], [], color=colour, linewidth=1.8, label=name)
        for name, colour in styles.items()
        if name in drawn
    ]
    if floor in drawn:
        handles.append(Line2D([], [], color=_FLOOR, linestyle="--", label=floor))
    if drawn - set(styles) - {floor}:
        handles.append(Line2D([], [], color=_QUIET, label="other methods"))
    return handles


def _draw_panel(axes: "Axes", panel: Panel, styles: Mapping[str, str], floor: str | None) -> None:
    for name, curve in panel.curves.items():
        shares = [100 * step / (len(curve) - 1) for step in range(len(curve))]
        if name in styles:
            axes.plot(shares, curve, color=styles[name], linewidth=1.8, zorder=3)
        elif name == floor:
            axes.plot(shares, curve, color=_FLOOR, linestyle="--", linewidth=1.4, zorder=2)
        else:
            axes.plot(shares, curve, color=_QUIET, linewidth=0.8, zorder=1)
    axes.set_title(panel.title, fontsize=11)
    axes.set_xlabel(panel.axis)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e4e8ec", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlim(0, 100)
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.margins(y=0.05)
