"""What every picture of scored tokens needs: checked pairs, harmless text, spaces, widths."""

import math
import unicodedata
from collections.abc import Iterable, Sequence

_SPACE = "␣"
_LINE_BREAK = "↵"
_TAB = "⇥"
_EMPTY = "∅"
_JOINERS = "\u200c\u200d"
_OPENING = "([{<“‘«¿¡#$£€@"
_JOINING = "/-–—"


def checked_scores(tokens: Sequence[str], scores: Iterable[float]) -> list[float]:
    """The scores as plain floats, one for each token.

    Args:
        tokens: The tokens, in reading order.
        scores: One number for each token: a list, an array or a tensor of shape `(time,)`.

    Returns:
        The scores, `len(tokens)` of them.

    Raises:
        TypeError: `tokens` is one string, or a score is not a number.
        ValueError: There is another number of scores than of tokens.
    """
    if isinstance(tokens, str):
        raise TypeError("tokens must be a list of strings, got one string; split it into tokens")
    try:
        numbers = [float(score) for score in scores]
    except (RuntimeError, TypeError, ValueError) as error:
        raise TypeError(
            "scores must hold one number for each token, of shape (time,); "
            f"pass the scores of one text ({error})"
        ) from error
    if len(numbers) != len(tokens):
        raise ValueError(
            f"got {len(tokens)} tokens but {len(numbers)} scores; pass one score for each token"
        )
    return numbers


def full_scale(scores: Iterable[float], scale: float | None = None) -> float:
    """The score that is painted in the full colour.

    Args:
        scores: The scores of one text.
        scale: The caller's choice; `None` takes the largest finite magnitude among the scores.

    Returns:
        A positive number; 1 where no score differs from zero.

    Raises:
        ValueError: `scale` is not a positive, finite number.

    Example:
        >>> full_scale([0.1, -0.4, float("nan")])
        0.4
    """
    if scale is None:
        return max((abs(s) for s in scores if math.isfinite(s) and s != 0), default=1.0)
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(f"scale must be a positive, finite number or None, got {scale!r}")
    return scale


def visible(token: str) -> str:
    r"""The token with everything that does not print replaced by signs that do.

    A line break becomes `↵`, a tab `⇥`, each space of a token of nothing but spaces `␣`; other
    control characters, and what could reorder or break the text around it (direction marks, lone
    surrogates, noncharacters), become their code point. The answer can be written to a terminal
    and encoded as UTF-8; it is not escaped for HTML.

    Args:
        token: Any string, the empty one included.

    Returns:
        A string that is not empty and holds printing characters and inner spaces only.

    Example:
        >>> visible("a\tb"), visible("\r\n"), visible(" "), visible("\x1b[31m")
        ('a⇥b', '↵', '␣', '[U+001B][31m')
    """
    if not token:
        return _EMPTY
    if token.isprintable() and not token.isspace():
        return token
    space = _SPACE if token.isspace() else " "
    return "".join(_shown(character, space) for character in token.replace("\r\n", "\n"))


def _shown(character: str, space: str) -> str:
    category = unicodedata.category(character)
    if character == "\t":
        return _TAB
    if character in "\n\r\x85" or category in ("Zl", "Zp"):
        return _LINE_BREAK
    if category in ("Cc", "Cs", "Cn") or (category == "Cf" and character not in _JOINERS):
        return f"[U+{ord(character):04X}]"
    return space if category == "Zs" else character


def needs_space(left: str, right: str) -> bool:
    """Whether a space belongs between two neighbouring tokens when they are set as text.

    Chinese and Japanese are written without spaces, most other scripts with them; closing
    punctuation stands close to what it follows, opening punctuation to what it precedes.

    Example:
        >>> needs_space("very", "good"), needs_space("非常", "好"), needs_space("good", ".")
        (True, False, False)
    """
    if not left or not right:
        return False
    before, after = left[-1], right[0]
    if before.isspace() or after.isspace() or _is_wide(before) or _is_wide(after):
        return False
    return (after.isalnum() or after in _OPENING) and before not in _OPENING + _JOINING


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in ("W", "F")
