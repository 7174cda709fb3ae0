"""A matrix of correlations between methods, similar ones next to each other."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from captum_rnn.visualization.colours import TEXT_COLOUR, strength_colour
from captum_rnn.visualization.figure import empty_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INCHES_A_CELL = 0.34
_INCHES_OF_LABELS = 3.3
_INCHES_OF_NUMBERS = 0.3

Matrix = Sequence[Sequence[float]]


def matrix_figure(labels: Sequence[str], values: Matrix) -> "Figure":
    """Draws a symmetric matrix of correlations as cells with numbers, the darker the higher.

    Rows and columns are ordered so that similar ones are neighbours. Each row is named and
    numbered; a column has the number of its row. To be made and saved inside
    `captum_rnn.visualization.figure.drawing`.

    Args:
        labels: The name of each row.
        values: Correlations (rows, rows) in [-1, 1]; NaN where there is none.

    Returns:
        The figure.

    Raises:
        ValueError: The matrix is empty, not square or of another size than the labels.
    """
    if not labels or len(values) != len(labels) or any(len(row) != len(labels) for row in values):
        raise ValueError(
            f"got {len(labels)} labels and {len(values)} rows of values; pass one row for each of "
            "at least one label, with one value for each"
        )
    order = similar_together(values)
    cells = [[values[row][column] for column in order] for row in order]
    side = _INCHES_A_CELL * len(labels)
    width, height = side + _INCHES_OF_LABELS, side + _INCHES_OF_NUMBERS
    figure = empty_figure(width, height, f"Rank correlations between {len(labels)} methods.")
    figure.set_layout_engine("none")
    axes = figure.add_axes((_INCHES_OF_LABELS / width, 0, side / width, side / height))
    _draw_cells(axes, cells)
    places = range(len(labels))
    axes.set_yticks(places, [f"{labels[row]}  {number}" for number, row in enumerate(order, 1)])
    axes.set_xticks(places, [str(number + 1) for number in places])
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=10)
    axes.spines[:].set_visible(False)
    return figure


def _draw_cells(axes: "Axes", cells: Matrix) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    places = range(len(cells))
    # Shapes, not an image: a page may forbid images, and shapes are sharp at any size.
    axes.add_collection(
        PatchCollection(
            [Rectangle((column - 0.5, row - 0.5), 1, 1) for row in places for column in places],
            facecolors=[strength_colour(value) for row in cells for value in row],
            edgecolors="none",
        )
    )
    axes.set_xlim(-0.5, len(cells) - 0.5)
    axes.set_ylim(len(cells) - 0.5, -0.5)
    for row, numbers in enumerate(cells):
        for column, value in enumerate(numbers):
            axes.text(
                column, row, _shown(value), ha="center", va="center", fontsize=8, color=TEXT_COLOUR
            )


def similar_together(values: Matrix) -> list[int]:
    """An order in which similar rows of a correlation matrix are neighbours.

    The leaves of average-linkage clustering by the distance 1 − correlation, which takes a missing
    correlation for 0.

    Args:
        values: A symmetric matrix of correlations.

    Returns:
        The number of each row, in that order.

    Example:
        >>> similar_together([[1.0, 0.1, 0.9], [0.1, 1.0, 0.2], [0.9, 0.2, 1.0]])
        [1, 2, 0]
    """
    if len(values) < 3:
        return list(range(len(values)))
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    distances = 1.0 - np.nan_to_num(np.asarray(values, dtype=float))
    distances = np.clip((distances + distances.T) / 2, 0.0, None)
    np.fill_diagonal(distances, 0.0)
    order: list[int] = leaves_list(
        linkage(squareform(distances), method="average", optimal_ordering=True)
    ).tolist()
    return order


def _shown(value: float) -> str:
    """A correlation in hundredths."""
    return "–" if math.isnan(value) else f"{round(100 * value) + 0:d}".replace("-", "−")
