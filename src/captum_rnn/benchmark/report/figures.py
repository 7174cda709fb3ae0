"""The pictures of the report, as inline SVG."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from captum_rnn.benchmark.report.columns import Result
from captum_rnn.benchmark.report.pictures import (
    correlation_matrix,
    cost_points,
    curve_panels,
    standing_out,
)
from captum_rnn.visualization.chart import cost_figure
from captum_rnn.visualization.curves import curves_figure
from captum_rnn.visualization.figure import drawing, inline_svg
from captum_rnn.visualization.matrix import matrix_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_IN_A_SMALL_MATRIX = 14


def cost_section(results: Result) -> str:
    """Faithfulness against cost; empty where nothing was removed."""
    points, floor = cost_points(results)
    if not points:
        return ""
    return _section(
        "Faithfulness against cost",
        lambda: cost_figure(points, floor=floor),
        "Up is better, left is cheaper. Orange: methods of this package. Bars: 95 % intervals. "
        "Scores learnt from other texts beforehand cost that, too, once for each classifier.",
    )


def curves_section(results: Result) -> str:
    """The deletion and insertion curves; empty where they were not measured."""
    panels = curve_panels(results)
    if not panels:
        return ""
    shown, floor = standing_out(results)
    return _section(
        "Deletion and insertion",
        lambda: curves_figure(panels, shown=shown, floor=floor),
        "Left: the sooner it falls, the better. Right: the sooner it rises, the better. Means over "
        "the texts.",
    )


def correlations_section(results: Result) -> str:
    """Which methods say the same; empty where no two of them worked."""
    labels, values = correlation_matrix(results)
    if len(labels) < 2:
        return ""
    return _section(
        "Which methods say the same",
        lambda: matrix_figure(labels, values),
        "Rank correlation (Spearman) of the scores in hundredths, mean over the texts. Similar "
        "methods stand beside each other; a column has the number of its row.",
        kind="matrix" if len(labels) > _MOST_IN_A_SMALL_MATRIX else "",
    )


def _section(heading: str, draw: "Callable[[], Figure]", caption: str, kind: str = "") -> str:
    with drawing():
        svg = inline_svg(draw())
    return (
        f'<h2>{heading}</h2>\n<figure class="{kind}"><div class="scroll">{svg}</div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )
