"""The figures of a comparison as files for a paper."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from captum_rnn.benchmark.report.pictures import (
    correlation_matrix,
    cost_points,
    curve_panels,
    example_lines,
    standing_out,
)
from captum_rnn.benchmark.results import ComparisonData
from captum_rnn.files import write_bytes
from captum_rnn.visualization.chart import cost_figure
from captum_rnn.visualization.curves import curves_figure
from captum_rnn.visualization.figure import drawing, figure_bytes
from captum_rnn.visualization.matrix import matrix_figure
from captum_rnn.visualization.token_lines import token_lines_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figures(comparison: ComparisonData, folder: str | Path) -> list[Path]:
    """Writes each figure of a comparison as PNG (200 dots an inch) and as SVG.

    `cost` (faithfulness against cost), `curves` (deletion and insertion), `correlations` (between
    the methods) and `example` (one text under the quick methods). A figure for which the comparison
    holds nothing is not written. The same comparison gives the same files.

    Args:
        comparison: The comparison.
        folder: Where to; it is made if it does not exist, and files of these names are replaced.

    Returns:
        The files written.

    Raises:
        OSError: A file cannot be written.

    Warns:
        UserWarning: A text holds Chinese and there is no font for it; see
            `captum_rnn.visualization.fonts.readable_text`.
    """
    points, floor = cost_points(comparison)
    panels = curve_panels(comparison)
    shown, floor_label = standing_out(comparison)
    labels, correlations = correlation_matrix(comparison)
    lines = example_lines(comparison)
    written: list[Path] = []
    if points:
        written += _save(lambda: cost_figure(points, floor=floor), (), folder, "cost")
    if panels:
        written += _save(
            lambda: curves_figure(panels, shown=shown, floor=floor_label), (), folder, "curves"
        )
    if labels:
        written += _save(lambda: matrix_figure(labels, correlations), (), folder, "correlations")
    if lines:
        tokens = [token for line in lines for token in line.tokens]
        written += _save(lambda: token_lines_figure(lines), tokens, folder, "example")
    return written


def _save(
    draw: "Callable[[], Figure]", texts: Iterable[str], folder: str | Path, name: str
) -> Sequence[Path]:
    with drawing(*texts, text_as_shapes=True):
        figure = draw()
        png, svg = figure_bytes(figure, "png"), figure_bytes(figure, "svg")
    paths = [Path(folder, f"{name}.png"), Path(folder, f"{name}.svg")]
    for path, content in zip(paths, (png, svg), strict=True):
        write_bytes(content, path)
    return paths
