"""How high a measure of erasure can get: a search for the order of tokens that it likes best."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_Beam = list[tuple[tuple[int, ...], float]]  # the first tokens, and what their beginnings earned


def best_order(
    value: Callable[[Tensor], Tensor], tokens: int, counts: Sequence[int], *, width: int = 20
) -> list[int]:
    r"""The order of a text's tokens whose beginnings are worth most, by a beam search.

    .. math:: \max_{\pi} \sum_{k \in K} v(\{\pi_1, \dots, \pi_k\})

    Comprehensiveness and sufficiency are such sums, over the numbers K of tokens that they remove
    or keep: no scores can do better by them than the best order. A beam holds the best `width` sets
    of each size, each by what its beginnings have earned so far and would earn if what comes after
    were worth as much as itself. With a width of all sets of a size it is exact.

    Example:
        >>> weights = torch.tensor([1.0, 5.0, 3.0])
        >>> best_order(lambda sets: sets.float() @ weights, tokens=3, counts=[1, 2])
        [1, 2]

    Args:
        value: What sets of tokens, as masks (sets, tokens), are worth (sets,).
        tokens: Number of tokens of the text.
        counts: The sizes of the sets that count, each from 1 to `tokens`; twice where they count
            twice.
        width: How many sets of a size are kept.

    Returns:
        The places of the first tokens, as many as the largest of `counts`.

    Raises:
        ValueError: There is no size, a size is not that of a set of tokens, or `width` is below 1.

    Source: Zhou and Shah (2023), "The Solvability of Interpretability Evaluation Metrics".
    """
    if not counts or not all(1 <= count <= tokens for count in counts) or width < 1:
        raise ValueError(
            f"counts is {list(counts)} and width {width}; expected sizes from 1 to {tokens}, the "
            "number of tokens, and a width of 1 or more"
        )
    beam: _Beam = [((), 0.0)]
    for size in range(1, max(counts) + 1):
        grown = _grown(beam, tokens)
        sets = torch.zeros(len(grown), tokens, dtype=torch.bool)
        for row, (order, _) in enumerate(grown):
            sets[row, list(order)] = True
        worth = value(sets).double().cpu()
        earned = torch.tensor([before for _, before in grown], dtype=torch.float64)
        earned = earned + counts.count(size) * worth
        promise = earned + sum(count > size for count in counts) * worth
        best = promise.argsort(descending=True, stable=True)[:width].tolist()
        sums = earned.tolist()
        beam = [(grown[row][0], sums[row]) for row in best]
    return list(max(beam, key=lambda entry: entry[1])[0])


def _grown(beam: _Beam, tokens: int) -> _Beam:
    """Every order with one token more; of those over the same set, the one that earned most."""
    best: dict[frozenset[int], tuple[tuple[int, ...], float]] = {}
    for order, earned in beam:
        for token in range(tokens):
            if token in order:
                continue
            key = frozenset((*order, token))
            if key not in best or earned > best[key][1]:
                best[key] = ((*order, token), earned)
    return list(best.values())
