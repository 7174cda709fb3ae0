"""Series and their scores: every feature's values as a line, its scores behind them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from captum_rnn.visualization.colours import TEXT_COLOUR, score_colour
from captum_rnn.visualization.figure import (
    as_written,
    drawing,
    empty_figure,
    figure_bytes,
    inline_svg,
)
from captum_rnn.visualization.tokens import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Numbers = npt.NDArray[np.float64]

_MOST_FEATURES = 12
_MOST_NAMES = 25
_COLOURS = 64  # of each sign: neighbouring cells of one colour are drawn as one shape
_WIDTH = 8.4
_INCHES_A_FEATURE = 0.62
_INCHES_A_PREDICTION = (0.03, 0.24)  # with many predictions, with few
_INCHES_OF_AXES = 0.9
_LINE = 0.8  # the part of a feature's band that its values take


@dataclass(frozen=True)
class ScoredPicture:
    """A picture of scores that shows itself in a notebook.

    Attributes:
        scores: The painted numbers (rows, columns).
        row_names: The name of each row.
        times: Where each column stands on the time axis (columns,), ascending.
        lines: For each row what is drawn over it (columns,); None: nothing.
        scale: The score painted in the full colour.
        title: Stands above the picture.
        row_axis: What the rows are, for the axis and the description.
    """

    scores: Numbers
    row_names: tuple[str, ...]
    times: Numbers
    lines: tuple[Numbers | None, ...]
    scale: float
    title: str = ""
    row_axis: str = "features"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draws the picture on `ax`, or on a figure of its own, and returns the Axes."""
        if ax is None:
            ax = empty_figure(_WIDTH, self._height(), self._description()).add_subplot()
        edges = _edges(self.times)
        _paint(ax, self.scores / self.scale, edges)
        for row, line in enumerate(self.lines):
            if line is not None:
                ax.plot(self.times, row - _within_band(line), color=TEXT_COLOUR, linewidth=0.8)
        ax.set_xlim(edges[0], edges[-1])
        ax.set_ylim(len(self.scores) - 0.5, -0.5)
        ax.set_xlabel("time (orange: for the explained output; blue: against it)")
        if (self.times == self.times.round()).all():
            ax.locator_params(axis="x", integer=True)
        named = _spread(len(self.row_names))
        names = [visible(self.row_names[row]) for row in named]
        ax.set_yticks(named, names, **as_written(*names))
        if self.row_axis != "features":
            ax.set_ylabel(self.row_axis)
        ax.tick_params(axis="y", length=0)
        ax.spines[["top", "right"]].set_visible(False)
        if self.title:
            ax.set_title(visible(self.title), fontsize=10, **as_written(self.title))
        return ax

    def to_svg(self) -> str:
        """The picture as an inline `<svg>` element, its text as shapes, with a description."""
        with drawing(self.title, *self.row_names, text_as_shapes=True):
            return inline_svg(self.plot().figure)  # type: ignore[arg-type]

    def save(self, path: str | Path) -> None:
        """Writes the picture to a file whose name ends in `.png` or `.svg`.

        Raises:
            ValueError: The name ends otherwise.
            OSError: The file cannot be written.
        """
        kind = Path(path).suffix.lower().removeprefix(".")
        if kind not in ("png", "svg"):
            raise ValueError(f"the picture cannot be written to {path}; end its name in .png, .svg")
        with drawing(self.title, *self.row_names, text_as_shapes=True):
            figure = self.plot().figure
            Path(path).write_bytes(figure_bytes(figure, kind))  # type: ignore[arg-type]

    def _repr_html_(self) -> str:
        return f'<div class="scroll">{self.to_svg()}</div>'

    def _height(self) -> float:
        if self.row_axis == "features":
            return _INCHES_OF_AXES + _INCHES_A_FEATURE * len(self.scores)
        least, most = _INCHES_A_PREDICTION
        return _INCHES_OF_AXES + len(self.scores) * max(least, min(most, 5 / len(self.scores)))

    def _description(self) -> str:
        rows, columns = self.scores.shape
        return f"Scores of {rows} {self.row_axis} at {columns} times. {self.title}".strip()


def series_heat_map(
    values: Any,
    scores: Any,
    feature_names: Sequence[str] | None = None,
    times: Iterable[float] | None = None,
    *,
    scale: float | None = None,
    title: str = "",
) -> ScoredPicture:
    """One series: the values of each feature as a line, over the colours of its scores.

    Features stand in the order of their total magnitude Σ_t |score|. Of more than 12, the last band
    holds the sum of the others' scores, without a line. Each name carries the feature's sum, sign
    kept: orange and above zero speaks for the explained output, blue and below zero against it.

    Args:
        values: What the model read (time, features), a tensor or array.
        scores: A score for each of them (time, features), e.g. one row of `attribute`.
        feature_names: A name for each feature; None: "feature 0" and so on.
        times: Where each step stands, ascending; None: 0, 1, 2 and so on.
        scale: The score painted in the full colour; None: the largest finite magnitude painted.
        title: Stands above the picture.

    Returns:
        A picture that shows itself in a notebook; `.plot(ax)` draws it on matplotlib's Axes,
        `.to_svg()` is an element for a page, `.save("name.png")` a file.

    Raises:
        ValueError: Shapes that do not fit each other; times that do not ascend; a scale that is not
            positive and finite.

    Example:
        >>> x = np.array([[0.0, 5.0], [1.0, 5.0], [4.0, 6.0]])
        >>> picture = series_heat_map(x, [[0, 0], [0, 1], [-3, 0]], ["pulse", "age"])
        >>> picture.row_names
        ('pulse  −3', 'age  +1')
    """
    x, painted = _matrix(values, "values"), _matrix(scores, "scores")
    if x.shape != painted.shape:
        raise ValueError(
            f"values has shape {x.shape} and scores {painted.shape}; pass one series, both of "
            "shape (time, features)"
        )
    names = [f"feature {index}" for index in range(x.shape[1])]
    names = names if feature_names is None else list(feature_names)
    if len(names) != x.shape[1]:
        raise ValueError(f"got {len(names)} feature_names for {x.shape[1]} features")
    order = np.argsort(-np.nan_to_num(np.abs(painted)).sum(0), kind="stable")
    shown = order if len(order) <= _MOST_FEATURES else order[: _MOST_FEATURES - 1]
    rows = [painted[:, feature] for feature in shown]
    lines: list[Numbers | None] = [x[:, feature] for feature in shown]
    labels = [names[feature] for feature in shown]
    if len(shown) < len(order):
        rows.append(painted[:, order[len(shown) :]].sum(1))
        lines.append(None)
        labels.append(f"{len(order) - len(shown)} others")
    stacked = np.stack(rows)
    named = tuple(f"{name}  {_signed(row)}" for name, row in zip(labels, stacked, strict=True))
    where = _times(times, len(x))
    return ScoredPicture(stacked, named, where, tuple(lines), _scale(stacked, scale), title)


def prediction_heat_map(
    scores: Any,
    prediction_names: Sequence[str] | None = None,
    times: Iterable[float] | None = None,
    *,
    scale: float | None = None,
    title: str = "",
) -> ScoredPicture:
    """Every prediction of one series or text: which times made it.

    Args:
        scores: Scores (predictions, time), e.g. summed over the features.
        prediction_names: A name for each prediction; None: its number.
        times: Where each step stands, ascending; None: 0, 1, 2 and so on.
        scale: The score painted in the full colour; None: the largest finite magnitude.
        title: Stands above the picture.

    Returns:
        As `series_heat_map`.

    Raises:
        ValueError: As `series_heat_map`.

    Example:
        >>> prediction_heat_map([[1.0, 0.0], [0.5, -2.0]]).scale
        2.0
    """
    painted = _matrix(scores, "scores")
    names = [str(number) for number in range(len(painted))]
    names = names if prediction_names is None else list(prediction_names)
    if len(names) != len(painted):
        raise ValueError(f"got {len(names)} prediction_names for {len(painted)} predictions")
    where, full = _times(times, painted.shape[1]), _scale(painted, scale)
    nothing = (None,) * len(painted)
    return ScoredPicture(painted, tuple(names), where, nothing, full, title, "predictions")


def _signed(row: Numbers) -> str:
    total = row.sum()
    return "not a number" if math.isnan(total) else f"{total:+.3g}".replace("-", "−")


def _matrix(numbers: Any, name: str) -> Numbers:
    detached = numbers.detach().cpu().double() if hasattr(numbers, "detach") else numbers
    matrix = np.asarray(detached, dtype=float)
    if matrix.ndim != 2 or matrix.size == 0:
        raise ValueError(f"{name} has shape {matrix.shape}; expected two axes, none of them empty")
    return matrix


def _times(times: Iterable[float] | None, steps: int) -> Numbers:
    if times is None:
        return np.arange(steps, dtype=float)
    given = list(times)
    try:
        where = np.asarray(given, float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"times begins with {given[0]!r}, where the steps stand; expected {steps} ascending "
            "numbers, such as hours or days since the first step"
        ) from error
    if where.shape != (steps,) or not np.isfinite(where).all() or not (np.diff(where) > 0).all():
        raise ValueError(f"times has {len(where)} entries; expected {steps} ascending numbers")
    return where


def _scale(painted: Numbers, scale: float | None) -> float:
    if scale is None:
        finite = np.abs(painted[np.isfinite(painted)])
        return float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    if not 0 < scale < math.inf:
        raise ValueError(f"scale is {scale}; expected a positive, finite number")
    return float(scale)


def _edges(times: Numbers) -> Numbers:
    """Where the cells around the times begin and end: halfway between neighbours."""
    if len(times) == 1:
        return np.array([times[0] - 0.5, times[0] + 0.5])
    between = (times[1:] + times[:-1]) / 2
    first, last = 2 * times[0] - between[0], 2 * times[-1] - between[-1]
    edges: Numbers = np.concatenate([[first], between, [last]])
    return edges


def _paint(ax: Axes, shares: Numbers, edges: Numbers) -> None:
    """The cells, as shapes: a page may forbid images, and shapes are sharp at any size."""
    from matplotlib.collections import PathCollection
    from matplotlib.path import Path as Outline

    outlines: dict[str, list[Outline]] = defaultdict(list)
    for row, of_row in enumerate(shares):
        start = 0
        shades = np.round(of_row.clip(-1, 1) * _COLOURS) / _COLOURS
        for colour, run in groupby(map(score_colour, shades)):
            stop = start + len(list(run))
            left, right, top, bottom = edges[start], edges[stop], row - 0.5, row + 0.5
            corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
            outlines[colour].append(Outline(corners, closed=True))
            start = stop
    shapes = [Outline.make_compound_path(*cells) for cells in outlines.values()]
    ax.add_collection(
        PathCollection(shapes, facecolors=list(outlines), edgecolors="none", antialiased=False)
    )


def _within_band(line: Numbers) -> Numbers:
    """Values moved and scaled into a band of height 1; a constant lies in its middle."""
    finite = line[np.isfinite(line)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    share = (line - low) / (high - low) if high > low else np.full_like(line, 0.5)
    moved: Numbers = (share - 0.5) * _LINE
    return moved


def _spread(rows: int) -> list[int]:
    """The rows that are named: all of few, of many, as many at equal distances as have room."""
    return list(range(0, rows, max(1, math.ceil(rows / _MOST_NAMES))))
