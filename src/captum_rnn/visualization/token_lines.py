"""One text under several methods as a figure: a line of coloured words for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from captum_rnn.visualization.colours import TEXT_COLOUR, score_colour
from captum_rnn.visualization.figure import empty_figure
from captum_rnn.visualization.tokens import checked_scores, full_scale, needs_space, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

_WIDTH = 9.0
_LINE_HEIGHT = 0.27
_GAP = 0.12
_SPACE = 0.05
_PADDING = 0.015
_BOX = {"boxstyle": "square,pad=0.1", "linewidth": 0}


@dataclass(frozen=True)
class TokenLine:
    """The scores of one method.

    Attributes:
        label: The method's name.
        tokens: The tokens, in reading order.
        scores: One number for each token.
    """

    label: str
    tokens: Sequence[str]
    scores: Sequence[float]


def token_lines_figure(lines: Sequence[TokenLine]) -> "Figure":
    """Draws a text once for each method, every word on the colour of its score.

    Each method has a scale of its own: its strongest score has the full colour. To be made and
    saved inside `captum_rnn.visualization.figure.drawing` with all the tokens as its texts.

    Args:
        lines: The methods, at least one.

    Returns:
        The figure.

    Raises:
        ValueError: There are no lines, or another number of scores than of tokens.
    """
    if not lines:
        raise ValueError("a figure of scored texts needs at least one line, got none")
    methods = ", ".join(line.label for line in lines)
    figure = empty_figure(_WIDTH, 1.0, f"One text, its words coloured by {methods}.")
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, _WIDTH)
    axes.set_ylim(1.0, 0)
    labels = [
        axes.text(_GAP, 0, visible(line.label), va="center", fontsize=9, color=TEXT_COLOUR)
        for line in lines
    ]
    left = max(map(_inches, labels)) + 3 * _GAP
    depth = _GAP
    for label, line in zip(labels, lines, strict=True):
        label.set_y(depth + _LINE_HEIGHT / 2)
        depth = _draw(axes, line, left, depth) + _GAP
    figure.set_size_inches(_WIDTH, depth)
    axes.set_ylim(depth, 0)
    return figure


def _draw(axes: "Axes", line: TokenLine, left: float, top: float) -> float:
    """Draws the tokens from `left` and below `top`, in inches, and returns where they end."""
    scores = checked_scores(line.tokens, line.scores)
    scale = full_scale(scores)
    middle = top + _LINE_HEIGHT / 2
    x, previous = left, ""
    for token, score in zip(line.tokens, scores, strict=True):
        x += _SPACE if needs_space(previous, token) else 0.0
        text = axes.text(
            x + _PADDING,
            middle,
            visible(token),
            va="center",
            fontsize=10,
            color=TEXT_COLOUR,
            bbox={**_BOX, "facecolor": score_colour(score / scale)},
        )
        width = _inches(text) + 2 * _PADDING
        if x + width > _WIDTH - _GAP and x > left:
            x, middle = left, middle + _LINE_HEIGHT
            text.set_position((x + _PADDING, middle))
        x, previous = x + width + _PADDING, token
    return middle + _LINE_HEIGHT / 2


def _inches(text: "Text") -> float:
    """Width of a text without its box."""
    figure = text.get_figure(root=True)
    assert figure is not None
    return float(text.get_window_extent().width / figure.dpi)
