"""Scored tokens as HTML, and the self-contained page around them."""

import base64
import hashlib
import math
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

from captum_rnn.visualization.colours import score_colour
from captum_rnn.visualization.tokens import checked_scores, full_scale, needs_space, visible

_LONGEST_UNBROKEN = 16


def tokens_html(
    tokens: Sequence[str], scores: Iterable[float], *, scale: float | None = None
) -> str:
    """One paragraph of tokens, each on the colour of its score with the number as a tooltip.

    Chinese tokens follow each other without a space, Latin words with one. Every token is escaped,
    and what does not print is shown by a sign that does. A score that is not a number is grey.

    Args:
        tokens: The tokens, in reading order.
        scores: One number for each token, any shape-`(time,)` sequence.
        scale: The score painted in the full colour; `None` takes the largest finite magnitude
            among `scores`.

    Returns:
        A `<p class="tokens">` element, to be placed in a `page`.

    Raises:
        TypeError: `tokens` is one string, or a score is not a number.
        ValueError: There is another number of scores than of tokens, or `scale` is not a
            positive, finite number.

    Example:
        >>> print(tokens_html(["<b>", "好"], [0.0, 0.5]))
        <p class="tokens"><span style="background:#ffffff" title="0">&lt;b&gt;</span><span
        style="background:#d97a2b" title="+0.5000">好</span></p>
    """
    numbers = checked_scores(tokens, scores)
    full = full_scale(numbers, scale)
    if not numbers:
        return '<p class="tokens"><em>no tokens</em></p>'
    parts: list[str] = []
    previous = ""
    for token, score in zip(tokens, numbers, strict=True):
        shown = visible(token)
        space = " " if needs_space(previous, token) else ""
        long = ' class="long"' if len(shown) > _LONGEST_UNBROKEN else ""
        parts.append(
            f'{space}<span{long} style="background:{score_colour(score / full)}" '
            f'title="{_number(score)}">{escape(shown)}</span>'
        )
        previous = token
    return f'<p class="tokens">{"".join(parts)}</p>'


def _number(score: float) -> str:
    """The score for a tooltip; an exact zero (a token never read) is told from a rounded one."""
    if math.isnan(score):
        return "not a number"
    return "0" if score == 0 else f"{score:+.4f}"


def legend_html(negative: str = "below 0", positive: str = "above 0") -> str:
    """The key to the colours: what blue and orange mean, and white between them.

    The numbers are shares of the score that is painted in the full colour.

    Args:
        negative: What a negative score says, in a word or two.
        positive: What a positive score says.

    Returns:
        A `<p class="legend">` element.
    """
    blue, white, orange = score_colour(-1), score_colour(0), score_colour(1)
    return (
        f'<p class="legend"><span>{escape(visible(negative))}</span>'
        f'<span class="scale" style="background:linear-gradient(90deg,{blue},{white},{orange})">'
        "<span>−1</span><span>0</span><span>+1</span></span>"
        f"<span>{escape(visible(positive))}</span></p>"
    )


def page(title: str, body: str, *, style: str = "", script: str = "") -> str:
    """A self-contained HTML document: the style sheet is inline and nothing is loaded from outside.

    Its content security policy forbids outside resources and all scripts but the given one,
    whatever the texts hold.

    Args:
        title: The title, plain text.
        body: The content of the body, HTML that is trusted: escape what comes from outside.
        style: More rules for the style sheet.
        script: JavaScript to run at the end of the body; it must not depend on what comes from
            outside.

    Returns:
        The document, to be written as UTF-8.

    Example:
        >>> print(page("1 < 2", "<p>Hello</p>").splitlines()[4])
        <title>1 &lt; 2</title>
    """
    rules = files("captum_rnn.visualization").joinpath("style.css").read_text(encoding="utf-8")
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
        policy += f"; script-src 'sha256-{digest}'"
        body = f"{body}\n<script>{script}</script>"
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(visible(title))}</title>
<meta http-equiv="Content-Security-Policy" content="{policy}">
<style>
{rules}{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
