"""Pairs of sentences from a corpus: both halves of one review, or of two."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from captum_rnn.text.vocabulary import UNKNOWN_ID


class Halves(NamedTuple):
    """The known words of a review, cut in the middle.

    Attributes:
        first: Word ids of the first half.
        second: Word ids of the second half.
    """

    first: tuple[int, ...]
    second: tuple[int, ...]


def review_halves(
    sequences: Iterable[Sequence[int]], *, fewest_words: int = 20, most_words: int = 30
) -> list[Halves]:
    """Cuts reviews in the middle.

    Args:
        sequences: The word ids of each review; unknown words (id 0) are left out first.
        fewest_words: Reviews of fewer known words are left out.
        most_words: Words kept of each half, from its beginning.

    Returns:
        The halves of the reviews that are long enough, in order.

    Raises:
        ValueError: `fewest_words` is below 2, which could leave a half empty, or `most_words`
            below 1.

    Example:
        >>> review_halves([[4, 0, 5, 6], [7]], fewest_words=2)
        [Halves(first=(4,), second=(5, 6))]
    """
    if fewest_words < 2 or most_words < 1:
        raise ValueError(
            f"fewest_words is {fewest_words} and most_words {most_words}; expected at least 2, so "
            "that both halves have a word, and at least 1"
        )
    halves = []
    for sequence in sequences:
        known = [word for word in sequence if word != UNKNOWN_ID]
        if len(known) < fewest_words:
            continue
        first, second = known[: len(known) // 2], known[len(known) // 2 :]
        halves.append(Halves(tuple(first[:most_words]), tuple(second[:most_words])))
    return halves


def other_partners(reviews: int, *, seed: int) -> Tensor:
    """Gives each review another one, by chance; each is given once.

    Args:
        reviews: Number of reviews, 2 or more.
        seed: Decides who gets whom.

    Returns:
        For each review the number of its partner (reviews,), never its own.

    Raises:
        ValueError: There are fewer than 2 reviews.

    Example:
        >>> other_partners(2, seed=0)
        tensor([1, 0])
    """
    if reviews < 2:
        raise ValueError(f"there are {reviews} reviews to pair with others; expected 2 or more")
    circle = torch.randperm(reviews, generator=torch.Generator().manual_seed(seed))
    partners = torch.empty_like(circle)
    partners[circle] = circle.roll(1)
    return partners
