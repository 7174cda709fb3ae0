"""The diverging colour scale on which scores are painted, and greys for what is no score.

Blue stands for negative, white for zero, orange for positive: people with any of the common colour
vision deficiencies tell blue from orange, which red and green do not allow. Both ends have the same
luminance, so that equally strong scores look equally strong, and both are light enough for one dark
text colour to be read on every colour of the scale.
"""

import math

TEXT_COLOUR = "#1a1a1a"
"""The colour of text on any colour of the scale: a contrast of at least 5.6 (WCAG 2 asks 4.5)."""

MISSING_COLOUR = "#c8c8c8"
"""The colour of a score that is not a number."""

_ZERO = (255, 255, 255)
_NEGATIVE = (74, 152, 216)
_POSITIVE = (217, 122, 43)
_GREY = (148, 148, 148)


def score_colour(value: float) -> str:
    """The colour of a score, linear in sRGB from blue (-1) over white (0) to orange (1).

    Args:
        value: A score divided by the score that is to have the full colour. What lies outside
            [-1, 1] gets the colour of the nearer end; NaN is grey.

    Returns:
        The colour as `#rrggbb`.

    Example:
        >>> score_colour(-1.0), score_colour(0.0), score_colour(0.5), score_colour(float("nan"))
        ('#4a98d8', '#ffffff', '#ecbc95', '#c8c8c8')
    """
    if math.isnan(value):
        return MISSING_COLOUR
    return _tinted(_POSITIVE if value > 0 else _NEGATIVE, abs(value))


def strength_colour(value: float) -> str:
    """The grey of a number that speaks neither for nor against a class, such as a correlation.

    Args:
        value: A number; white is 0 and what lies below, the darkest grey is 1. NaN is white.

    Returns:
        The colour as `#rrggbb`, on which `TEXT_COLOUR` can be read.

    Example:
        >>> strength_colour(-0.5), strength_colour(0.5), strength_colour(1.0)
        ('#ffffff', '#cacaca', '#949494')
    """
    return _tinted(_GREY, value if value > 0 else 0.0)


def _tinted(end: tuple[int, int, int], strength: float) -> str:
    """A colour between white and an end of a scale; the end from a strength of 1."""
    share = min(strength, 1.0)
    red, green, blue = (
        round(zero + share * (full - zero)) for zero, full in zip(_ZERO, end, strict=True)
    )
    return f"#{red:02x}{green:02x}{blue:02x}"
