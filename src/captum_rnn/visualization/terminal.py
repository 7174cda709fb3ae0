"""Scored tokens for a terminal: each token with its score below it."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from captum_rnn.visualization.colours import TEXT_COLOUR, score_colour
from captum_rnn.visualization.tokens import checked_scores, full_scale, visible

if TYPE_CHECKING:
    from rich.text import Text

_GAP = "  "
_WIDER_THAN_ANY_TABLE = 10_000
_FAINT = 0.1
"""Scores below this share of the strongest are not painted: white glares on a dark terminal."""


def tokens_rich(tokens: Sequence[str], scores: Iterable[float], *, width: int = 80) -> "Text":
    """Tokens on the colours of their scores, for `rich`; its plain text is `tokens_text`.

    Args:
        tokens: The tokens, in reading order. What does not print is shown by a sign that does, so
            that no token can send the terminal a command.
        scores: One number for each token, any shape-`(time,)` sequence. The strongest score of the
            text has the full colour, one near zero none.
        width: The columns of a line. A longer token is cut and ends in `…`.

    Returns:
        Lines for `rich.print`, which knows how many colours the terminal has, and `NO_COLOR`.

    Raises:
        TypeError: `tokens` is one string, or a score is not a number.
        ValueError: There is another number of scores than of tokens.
    """
    from rich.text import Text

    numbers = checked_scores(tokens, scores)
    if not numbers:
        return Text("(no tokens)")
    scale = full_scale(numbers)
    lines: list[Text] = []
    upper, lower = Text(), Text()
    for token, score in zip(tokens, numbers, strict=True):
        word, number = Text(visible(token), _style(score / scale)), _number(score)
        word.truncate(width, overflow="ellipsis")
        columns = max(word.cell_len, len(number))
        if upper and upper.cell_len + len(_GAP) + columns > width:
            lines += [upper, lower, Text()]
            upper, lower = Text(), Text()
        if upper:
            upper, lower = upper + Text(_GAP), lower + Text(_GAP)
        upper = upper + word + Text(" " * (columns - word.cell_len))
        lower = lower + Text(number.ljust(columns))
    lines += [upper, lower]
    for line in lines:
        line.rstrip()
    return Text("\n").join(lines)


def tokens_text(tokens: Sequence[str], scores: Iterable[float], *, width: int = 80) -> str:
    """Tokens in lines of at most `width` columns, the score of each under it.

    Arguments and errors are those of `tokens_rich`.

    Example:
        >>> print(tokens_text(["非常", "好", "。"], [0.25, 0.5, -0.125]))
        非常    好      。
        +0.250  +0.500  -0.125
    """
    return tokens_rich(tokens, scores, width=width).plain


def aligned_text(rows: Sequence[Sequence[str]], *, head: int) -> str:
    """Rows of cells as lines, in columns that are as wide as they need to be.

    The first column stands to the left, the others, which are numbers, to the right.

    Args:
        rows: The cells of each line, as many in each.
        head: How many of the first rows are the heading, with a rule below.

    Example:
        >>> print(aligned_text([["", "ms"], ["很好", "1.5"], ["a", "12.5"]], head=1))
                ms
        ----------
        很好   1.5
        a     12.5
    """
    from rich.box import Box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rule_below_head = Box("    \n    \n----\n" + "    \n" * 5)
    table = Table(box=rule_below_head, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    for number, cells in enumerate(zip(*rows[:head], strict=True)):
        justify: Literal["left", "right"] = "right" if number else "left"
        table.add_column(Text("\n".join(cells)), justify=justify, no_wrap=True)
    for row in rows[head:]:
        table.add_row(*map(Text, row))
    console = Console(width=_WIDER_THAN_ANY_TABLE, color_system=None)
    with console.capture() as shown:
        console.print(table)
    return "\n".join(line.rstrip() for line in shown.get().splitlines())


def _style(strength: float) -> str:
    return "" if abs(strength) < _FAINT else f"{TEXT_COLOUR} on {score_colour(strength)}"


def _number(score: float) -> str:
    return "nan" if math.isnan(score) else f"{score:+.3f}"
