"""Labels of a chart that cover neither the marks nor each other."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox, Transform

_DISTANCES = (6.0, 12.0, 20.0, 30.0, 42.0, 56.0, 72.0)
_LINE_FROM = 12.0
_MARGIN = 2.0
_POINTS_AN_INCH = 72.0


def place_label(
    axes: "Axes", text: str, at: tuple[float, float], colour: str, taken: "list[Bbox]"
) -> None:
    """Writes a label at the nearest free place around a point, with a thin line where it is far.

    A line that would run over another mark or label is avoided where it can be. Where no place is
    free the label stands where it covers least, inside the axes if it fits there.

    Args:
        axes: The axes, drawn once, so that the limits stand.
        text: The label.
        at: The point that it names, in data coordinates.
        colour: The colour of the text.
        taken: What is covered already, in pixels; the label's own box is added.
    """
    x, y = axes.transData.transform(at)
    label = axes.annotate(text, at, xytext=(0, 0), textcoords="offset points", color=colour)
    label.set_in_layout(False)
    extent = label.get_window_extent()
    frame = axes.get_window_extent()
    places = list(_places(x, y, extent.width, extent.height))
    inside = [(distance, box) for distance, box in places if _inside(box, frame)] or places[:1]

    def obstacles(place: "tuple[float, Bbox]") -> tuple[int, bool]:
        distance, box = place
        covered = sum(box.overlaps(other) for other in taken)
        return covered, distance >= _LINE_FROM and _line_crosses((x, y), box, taken)

    distance, box = min(inside, key=obstacles)
    # In points and inches it also stands there in a file of another resolution.
    (x0, y0), (x1, y1) = _inches(axes).transform([(extent.x0, extent.y0), (box.x0, box.y0)])
    label.set_position((_POINTS_AN_INCH * (x1 - x0), _POINTS_AN_INCH * (y1 - y0)))
    taken.append(box.padded(_MARGIN))
    if distance >= _LINE_FROM:
        _draw_line(axes, (x, y), box)


def _places(x: float, y: float, width: float, height: float) -> "Iterator[tuple[float, Bbox]]":
    """Boxes around a point, the nearest first: beside it, then obliquely, then above and below."""
    from matplotlib.transforms import Bbox

    for distance in _DISTANCES:
        right, left = x + distance, x - distance - width
        above, below = y + distance, y - distance - height
        beside, middle = y - height / 2, x - width / 2
        for x0, y0 in (
            (right, beside),
            (left, beside),
            (right, above),
            (right, below),
            (left, above),
            (left, below),
            (middle, above),
            (middle, below),
        ):
            yield distance, Bbox.from_bounds(x0, y0, width, height)


def _inside(box: "Bbox", frame: "Bbox") -> bool:
    return bool(
        frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
    )


def _line_crosses(start: tuple[float, float], box: "Bbox", taken: "Sequence[Bbox]") -> bool:
    """Whether the line from a point to its label runs over what belongs to another one."""
    from matplotlib.path import Path

    line = Path([start, _end(start, box)])
    return any(line.intersects_bbox(other) for other in taken if not other.contains(*start))


def _end(start: tuple[float, float], box: "Bbox") -> tuple[float, float]:
    """The place of a label that is nearest to its point."""
    return min(max(start[0], box.x0), box.x1), min(max(start[1], box.y0), box.y1)


def _draw_line(axes: "Axes", start: tuple[float, float], box: "Bbox") -> None:
    from matplotlib.lines import Line2D

    ends = _inches(axes).transform([start, _end(start, box)])
    line = Line2D(
        ends[:, 0], ends[:, 1], color="#5c6670", linewidth=0.6, transform=_from_inches(axes)
    )
    line.set_in_layout(False)
    axes.add_artist(line)


def _from_inches(axes: "Axes") -> "Transform":
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure.dpi_scale_trans


def _inches(axes: "Axes") -> "Transform":
    """From pixels to inches."""
    return _from_inches(axes).inverted()
