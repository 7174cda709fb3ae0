"""Scored tokens as plain text for a terminal: each token with its score below it."""

import math
from collections.abc import Iterable, Sequence

from captum_rnn.visualization.colours import TEXT_COLOUR, score_colour
from captum_rnn.visualization.tokens import checked_scores, display_width, full_scale, visible

_GAP = "  "
_CUBE_LEVELS = (0, 95, 135, 175, 215, 255)
_RESET = "\x1b[0m"


def tokens_text(
    tokens: Sequence[str], scores: Iterable[float], *, colour: bool, width: int = 80
) -> str:
    """Tokens in lines of at most `width` columns, the score of each under it.

    Args:
        tokens: The tokens, in reading order. What does not print is shown by a sign that does, so
            that no token can send the terminal a command.
        scores: One number for each token, any shape-`(time,)` sequence.
        colour: Paint the background of tokens by their score, in the 256 colours that terminals
            share; the strongest score of the text has the full colour, one near zero none.
        width: The columns of a line. A longer token is cut and ends in `…`.

    Returns:
        The lines, without a line break at the end; `(no tokens)` where there are none.

    Raises:
        TypeError: `tokens` is one string, or a score is not a number.
        ValueError: There is another number of scores than of tokens.

    Example:
        >>> print(tokens_text(["非常", "好", "。"], [0.25, 0.5, -0.125], colour=False))
        非常    好      。
        +0.250  +0.500  -0.125
    """
    numbers = checked_scores(tokens, scores)
    if not numbers:
        return "(no tokens)"
    scale = full_scale(numbers)
    lines: list[str] = []
    upper, lower, used = "", "", 0
    for token, score in zip(tokens, numbers, strict=True):
        word, number = _shortened(visible(token), width), _number(score)
        columns = max(display_width(word), len(number))
        if used and used + len(_GAP) + columns > width:
            lines += [upper.rstrip(), lower.rstrip(), ""]
            upper, lower, used = "", "", 0
        if used:
            upper, lower, used = upper + _GAP, lower + _GAP, used + len(_GAP)
        padding = " " * (columns - display_width(word))
        upper += (_painted(word, score / scale) if colour else word) + padding
        lower += number.ljust(columns)
        used += columns
    return "\n".join([*lines, upper.rstrip(), lower.rstrip()])


def _number(score: float) -> str:
    return "nan" if math.isnan(score) else f"{score:+.3f}"


def _shortened(word: str, width: int) -> str:
    if display_width(word) <= width:
        return word
    kept = ""
    for character in word:
        if display_width(kept + character) >= width:
            break
        kept += character
    return kept + "…"


def _painted(word: str, strength: float) -> str:
    background = _nearest_of_256(score_colour(strength))
    # White behind most words would glare on a dark terminal.
    if background == _nearest_of_256(score_colour(0.0)):
        return word
    return f"\x1b[48;5;{background};38;5;{_nearest_of_256(TEXT_COLOUR)}m{word}{_RESET}"


def _nearest_of_256(colour: str) -> int:
    """The nearest colour of the 6 × 6 × 6 cube, whose values are the same on every terminal."""
    levels = [
        min(range(6), key=lambda i: abs(_CUBE_LEVELS[i] - int(colour[start : start + 2], 16)))
        for start in (1, 3, 5)
    ]
    return 16 + 36 * levels[0] + 6 * levels[1] + levels[2]
