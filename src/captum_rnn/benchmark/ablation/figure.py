"""The effects of the options as a figure."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from captum_rnn.benchmark.ablation.labels import AXIS_NAMES, BETTER, MEASURE_NAMES, option_name
from captum_rnn.benchmark.ablation.results import AblationData, Effect
from captum_rnn.visualization.curves import COLOURS
from captum_rnn.visualization.figure import empty_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 11.0
_INCHES_A_LINE = 0.33
_INCHES_AROUND = 1.5
_SPREAD = 0.5


def ablation_figure(results: Mapping[str, AblationData]) -> "Figure":
    """Draws how much each option changes the measures, with 95 % intervals over the texts.

    Make and save it inside `captum_rnn.visualization.figure.drawing`, with the names as its texts.

    Args:
        results: Answers of `captum_rnn.benchmark.ablate` by the name of the classifier, at most as
            many as `captum_rnn.visualization.curves.COLOURS`.

    Returns:
        One diagram for each measure, one line for each option that some classifier has.

    Raises:
        ValueError: There are no results, too many, or none with a second option on some axis.
    """
    from matplotlib.lines import Line2D

    if not 0 < len(results) <= len(COLOURS):
        raise ValueError(f"results holds {len(results)} classifiers; expected 1 to {len(COLOURS)}")
    lines = _lines(results)
    if not lines:
        raise ValueError("no axis has a second option, so there is no effect to draw")
    height = _INCHES_AROUND + _INCHES_A_LINE * len(lines)
    figure = empty_figure(_WIDTH, height, f"Effects of each option on {', '.join(results)}.")
    panels = figure.subplots(1, len(MEASURE_NAMES), sharey=True)
    for axes, (measure, title) in zip(panels, MEASURE_NAMES.items(), strict=True):
        _draw(axes, measure, results, lines)
        axes.set_title(title, fontsize=10.5)
        axes.set_xlabel(f"effect ({BETTER[measure]} is better)")
    panels[0].set_yticks(range(len(lines)), lines)
    panels[0].set_ylim(len(lines) - 0.4, -0.6)
    handles = [
        Line2D([], [], color=colour, marker="o", linestyle="-", label=name)
        for name, colour in zip(results, COLOURS, strict=False)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    return figure


def _lines(results: Mapping[str, AblationData]) -> list[str]:
    """The name of every line, in the order of the axes."""
    names = [
        _line(effect)
        for axis in AXIS_NAMES
        for result in results.values()
        for effect in result.effects
        if effect.axis == axis
    ]
    return list(dict.fromkeys(names))


def _line(effect: Effect) -> str:
    option, reference = (option_name(effect.axis, x) for x in (effect.option, effect.reference))
    return f"{AXIS_NAMES[effect.axis]}: {option} against {reference}"


def _draw(
    axes: "Axes",
    measure: str,
    results: Mapping[str, AblationData],
    lines: Sequence[str],
) -> None:
    axes.axvline(0.0, color="#5c6670", linewidth=1.0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#e4e8ec", linewidth=0.8)
    axes.set_axisbelow(True)
    for number, (result, colour) in enumerate(zip(results.values(), COLOURS, strict=False)):
        offset = _SPREAD * ((number + 0.5) / len(results) - 0.5)
        for effect in result.effects:
            entry = effect.measures[measure]
            if not math.isnan(entry.low):
                errors = [[entry.mean - entry.low], [entry.high - entry.mean]]
                axes.errorbar(
                    [entry.mean],
                    [lines.index(_line(effect)) + offset],
                    xerr=[[max(part[0], 0.0)] for part in errors],
                    fmt="o",
                    color=colour,
                    markersize=4.5,
                    linewidth=1.4,
                    capsize=2,
                )
