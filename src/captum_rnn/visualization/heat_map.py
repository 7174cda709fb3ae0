"""Tokens against layers or steps as a heat map: HTML, SVG and PNG."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from captum_rnn.visualization.colours import score_colour
from captum_rnn.visualization.figure import drawing, empty_figure, figure_bytes, inline_svg
from captum_rnn.visualization.templating import template_environment
from captum_rnn.visualization.tokens import checked_scores, full_scale, visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INCHES_A_TOKEN = 0.24
_INCHES_A_COLUMN = 0.72
_FONT_SIZE = 10
_FORMATS = ("png", "svg")
_CELLS = "cells"


def heat_map_html(
    tokens: Sequence[str],
    columns: Sequence[str],
    values: Iterable[Iterable[float]],
    *,
    scale: float | None = None,
) -> str:
    """A table with one row per token and one column per layer or step, each cell on its colour.

    Everything is escaped, and what does not print is shown by a sign that does. The number of a
    cell is its tooltip.

    Args:
        tokens: The tokens, in reading order.
        columns: Names of the layers or steps.
        values: Numbers (tokens, columns), a list of rows or a tensor; white is 0, orange above it,
            blue below, grey not a number.
        scale: The value painted in the full colour; `None` takes the largest finite magnitude.

    Returns:
        A `<div class="scroll">` with a table, to be placed in a `page`.

    Raises:
        TypeError: `tokens` or `columns` is one string, or a value is not a number.
        ValueError: There are no cells, another number of them than tokens and columns ask for, or
            `scale` is not a positive, finite number.

    Example:
        >>> html = heat_map_html(["好", "<b>"], ["layer 1"], [[2.0], [0.0]])
        >>> "&lt;b&gt;" in html, 'background:#d97a2b" title="2"' in html
        (True, True)
    """
    cells, full = _checked(tokens, columns, values, scale)
    rows = [
        (token, [(score_colour(number / full), _number(number)) for number in numbers])
        for token, numbers in zip(tokens, cells, strict=True)
    ]
    return (
        template_environment("captum_rnn.visualization")
        .get_template("heat_map.html")
        .render(columns=columns, rows=rows)
    )


def heat_map_svg(
    tokens: Sequence[str],
    columns: Sequence[str],
    values: Iterable[Iterable[float]],
    *,
    scale: float | None = None,
    title: str = "",
) -> str:
    """The heat map as an inline `<svg>` element; arguments and errors of `heat_map_html`.

    The same values give the same text, whatever the time and the place. Cells and text are drawn as
    shapes: they stay sharp at any size, nothing is loaded that the policy of a `page` forbids, and
    Chinese can be read where no font for it is installed.

    Args:
        tokens: The tokens, in reading order.
        columns: Names of the layers or steps.
        values: Numbers (tokens, columns).
        scale: The value painted in the full colour.
        title: Stands above the map.

    Returns:
        An `<svg>` element with an accessible description.
    """
    with drawing(title, *tokens, *columns, text_as_shapes=True):
        element = inline_svg(_drawn(tokens, columns, values, scale, title))
    # Without it, the background shines through between neighbouring cells.
    crisp = f'<g id="{_CELLS}" shape-rendering="crispEdges">'
    return element.replace(f'<g id="{_CELLS}">', crisp, 1)


def save_heat_map(
    path: str | Path,
    tokens: Sequence[str],
    columns: Sequence[str],
    values: Iterable[Iterable[float]],
    *,
    scale: float | None = None,
    title: str = "",
) -> None:
    """Writes the heat map to a PNG or SVG file; arguments and errors of `heat_map_html`.

    Args:
        path: Where to; the ending, `.png` or `.svg`, decides the format.
        tokens: The tokens, in reading order.
        columns: Names of the layers or steps.
        values: Numbers (tokens, columns).
        scale: The value painted in the full colour.
        title: Stands above the map.

    Raises:
        ValueError: The path ends otherwise, too.
        OSError: The file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower().removeprefix(".") not in _FORMATS:
        raise ValueError(f"the heat map cannot be written to {path}; end its name in .png or .svg")
    if path.suffix.lower() == ".svg":
        svg = heat_map_svg(tokens, columns, values, scale=scale, title=title)
        path.write_text(svg + "\n", encoding="utf-8")
        return
    with drawing(title, *tokens, *columns):
        path.write_bytes(figure_bytes(_drawn(tokens, columns, values, scale, title), "png"))


def _checked(
    tokens: Sequence[str],
    columns: Sequence[str],
    values: Iterable[Iterable[float]],
    scale: float | None,
) -> tuple[list[list[float]], float]:
    """The cells as plain floats, and the value of the full colour."""
    if isinstance(columns, str):
        raise TypeError(
            "columns must be a list of strings, got one string; pass one name per column"
        )
    rows = list(values)
    if not rows or not columns or len(rows) != len(tokens):
        raise ValueError(
            f"got {len(tokens)} tokens, {len(columns)} columns and {len(rows)} rows of values; "
            "pass one row of values for each of at least one token, with one value per column"
        )
    checked_scores(tokens, [0.0] * len(tokens))
    cells = [checked_scores(columns, row) for row in rows]
    return cells, full_scale([number for row in cells for number in row], scale)


def _drawn(
    tokens: Sequence[str],
    columns: Sequence[str],
    values: Iterable[Iterable[float]],
    scale: float | None,
    title: str,
) -> "Figure":
    from matplotlib.colors import to_rgb

    cells, full = _checked(tokens, columns, values, scale)
    colours = [[to_rgb(score_colour(number / full)) for number in row] for row in cells]
    figure = empty_figure(
        1.6 + _INCHES_A_COLUMN * len(columns),
        0.9 + _INCHES_A_TOKEN * len(tokens),
        f"Heat map of {len(tokens)} tokens and {len(columns)} columns. {title}".strip(),
    )
    axes = figure.add_subplot()
    axes.pcolormesh(_edges(columns), _edges(tokens), colours, gid=_CELLS)
    axes.invert_yaxis()
    axes.set_yticks(range(len(tokens)), [visible(token) for token in tokens])
    axes.set_xticks(range(len(columns)), [visible(name) for name in columns], rotation=45)
    axes.xaxis.tick_top()
    for label in axes.get_xticklabels():
        label.set(horizontalalignment="left", rotation_mode="anchor")
    axes.tick_params(length=0, labelsize=_FONT_SIZE)
    axes.spines[:].set_visible(False)
    if title:
        axes.set_title("\n".join(map(visible, title.splitlines())), fontsize=_FONT_SIZE)
    return figure


def _edges(cells: Sequence[str]) -> list[float]:
    """Where cells whose centres stand at 0, 1, 2 and so on begin and end."""
    return [place - 0.5 for place in range(len(cells) + 1)]


def _number(value: float) -> str:
    return "not a number" if math.isnan(value) else f"{value:.4g}"
