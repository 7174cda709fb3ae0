"""How every matplotlib figure of this package is made: the same input gives the same file."""

import contextlib
import io
import re
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from captum_rnn.visualization.fonts import font_family, readable_text
from captum_rnn.visualization.tokens import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DOTS_PER_INCH = 72
_DOTS_PER_INCH_OF_FILES = 200


@contextlib.contextmanager
def drawing(*texts: str, text_as_shapes: bool = False) -> Iterator[None]:
    """Settings inside which figures are made and saved; matplotlib's own are left alone.

    Args:
        texts: What the figure will show that may be Chinese, Japanese or Korean.
        text_as_shapes: Draw text as shapes in an SVG, so that it looks the same where its font is
            not installed; otherwise it stays text that can be searched.
    """
    import matplotlib as mpl

    with (
        readable_text(*texts),
        mpl.rc_context({"font.size": 11.0, "svg.hashsalt": "captum-rnn"}),
        # A dollar sign in a text begins no formula.
        mpl.rc_context({"text.parse_math": False}),
        mpl.rc_context({"svg.fonttype": "path" if text_as_shapes else "none"}),
    ):
        yield


def as_written(*texts: str) -> dict[str, Any]:
    """What makes matplotlib draw these texts as they are on Axes made outside `drawing`.

    Args:
        texts: What will be shown.

    Returns:
        Properties of a matplotlib text: fonts that have the characters, and no formula between
        dollar signs.
    """
    return {"fontfamily": font_family(*texts), "parse_math": False}


def empty_figure(width: float, height: float, description: str) -> "Figure":
    """A figure without anything on it.

    Args:
        width: Its width in inches.
        height: Its height in inches.
        description: What it will show, in words for those who cannot see it; kept as its label.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    figure.set_label(description)
    return figure


def inline_svg(figure: "Figure") -> str:
    """The figure as an `<svg>` element for a page, with its label as the description.

    Args:
        figure: The figure.

    Returns:
        The element, without a date.
    """
    svg = figure_bytes(figure, "svg").decode("utf-8")
    element = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    words = str(figure.get_label()).split()
    label = escape(visible(" ".join(words)) if words else "")
    return element.replace("<svg", f'<svg role="img" aria-label="{label}"', 1).rstrip()


def figure_bytes(figure: "Figure", kind: Literal["png", "svg"]) -> bytes:
    """The content of a PNG or SVG file of the figure, without a date.

    Args:
        figure: The figure.
        kind: Which of the two.

    Returns:
        The content; PNG has 200 dots an inch.
    """
    file = io.BytesIO()
    if kind == "svg":
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    else:
        figure.savefig(file, format="png", dpi=_DOTS_PER_INCH_OF_FILES, metadata={"Software": None})
    return file.getvalue()
