"""Scored tokens as HTML, and the self-contained page around them."""

import base64
import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from captum_rnn.visualization.colours import score_colour
from captum_rnn.visualization.templating import template_environment, template_file
from captum_rnn.visualization.tokens import checked_scores, full_scale, needs_space, visible

_ROOM = "captum_rnn.visualization"
_LONGEST_UNBROKEN = 16


@dataclass(frozen=True)
class _Token:
    """A token as it is painted; `apart`: with a space before it."""

    shown: str
    colour: str
    number: str
    apart: bool

    @property
    def long(self) -> bool:
        """Whether it may be broken over two lines."""
        return len(self.shown) > _LONGEST_UNBROKEN


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
    painted = [
        _Token(
            visible(token), score_colour(score / full), _number(score), needs_space(before, token)
        )
        for before, token, score in zip(("", *tokens), tokens, numbers, strict=False)
    ]
    return template_environment(_ROOM).get_template("tokens.html").render(tokens=painted)


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
    return (
        template_environment(_ROOM)
        .get_template("legend.html")
        .render(
            negative=negative,
            positive=positive,
            colours=[score_colour(share) for share in (-1, 0, 1)],
        )
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
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    document = (
        template_environment(_ROOM)
        .get_template("page.html")
        .render(
            title=title,
            body=body,
            style=template_file(_ROOM, "style.css") + style,
            script=script,
            digest=digest,
        )
    )
    return f"{document}\n"
