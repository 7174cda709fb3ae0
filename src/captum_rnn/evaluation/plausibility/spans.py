"""From marked characters to marked tokens."""

from collections.abc import Sequence

import torch
from torch import Tensor


def spans_to_tokens(text: str, tokens: Sequence[str], spans: Sequence[tuple[int, int]]) -> Tensor:
    """Marks the tokens that share a character with one of the spans.

    Args:
        text: The text that the spans count in.
        tokens: Its tokens, in order; between two of them only whitespace may be left out. The text
            may go on behind the last.
        spans: Start and end of each span, in characters from 0, the end not included.

    Returns:
        Boolean mask (tokens,).

    Raises:
        ValueError: A token is not where the one before it ends, or a span does not lie in the text.

    Example:
        >>> spans_to_tokens("Not bad at all!", ["Not", "bad", "at", "all", "!"], [(0, 7)])
        tensor([ True,  True, False, False, False])
    """
    for start, end in spans:
        if not 0 <= start < end <= len(text):
            raise ValueError(
                f"span ({start}, {end}) does not lie in a text of {len(text)} characters; expected "
                "0 <= start < end <= length, the end not included"
            )
    places = token_places(text, tokens)
    return torch.tensor(
        [any(start < last and first < end for start, end in spans) for first, last in places],
        dtype=torch.bool,
    )


def token_places(text: str, tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Finds the characters of each token in its text.

    Args:
        text: The text.
        tokens: Its tokens, in order; between two of them only whitespace may be left out.

    Returns:
        Start and end of each token, in characters from 0, the end not included.

    Raises:
        ValueError: A token is not where the one before it ends.

    Example:
        >>> token_places("so  good", ["so", "good"])
        [(0, 2), (4, 8)]
    """
    places: list[tuple[int, int]] = []
    end = 0
    for number, token in enumerate(tokens):
        start = end
        while not text.startswith(token, start) and text[start : start + 1].isspace():
            start += 1
        if not token or not text.startswith(token, start):
            raise ValueError(
                f"token {number}, {token!r}, does not follow in the text, which goes on with "
                f"{text[start : start + 12]!r}; expected the tokens of this very text in order, "
                "with nothing but whitespace left out"
            )
        end = start + len(token)
        places.append((start, end))
    return places
