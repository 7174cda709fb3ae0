"""Texts of unequal length in rectangular batches."""

import itertools
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from captum_rnn.text.vocabulary import UNKNOWN_ID

TOKENS_PER_BATCH = 8_192
_BATCHES_SORTED_TOGETHER = 2


def pad_ids(sequences: Sequence[Sequence[int]]) -> Tensor:
    """Puts id sequences into one tensor, zeros after the end of each.

    Args:
        sequences: The word ids of each text.

    Returns:
        Ids (batch, time), time the longest sequence's length but at least 1, dtype int64.

    Example:
        >>> pad_ids([[5, 2], [7]])
        tensor([[5, 2],
                [7, 0]])
    """
    time = max([1, *map(len, sequences)])
    padded = torch.full((len(sequences), time), UNKNOWN_ID, dtype=torch.long)
    lengths = torch.tensor(list(map(len, sequences)), dtype=torch.long)
    ids = list(itertools.chain.from_iterable(sequences))
    padded[torch.arange(time) < lengths.unsqueeze(1)] = torch.tensor(ids, dtype=torch.long)
    return padded


def bucketed_batches(
    lengths: Sequence[int], batch_size: int, generator: torch.Generator
) -> Iterator[list[int]]:
    """Shuffles texts into batches of similar length, so that little padding is computed.

    The texts are shuffled, every 2 batches' worth is sorted by length and cut into batches, and
    the batches are shuffled.

    Args:
        lengths: Number of words of each text.
        batch_size: Texts in a batch; the last one may hold fewer.
        generator: Decides both shuffles.

    Yields:
        The positions of one batch's texts in `lengths`; each position comes exactly once.
    """
    order = torch.randperm(len(lengths), generator=generator).tolist()
    pool_size = batch_size * _BATCHES_SORTED_TOGETHER
    batches = []
    for start in range(0, len(order), pool_size):
        pool = sorted(order[start : start + pool_size], key=lengths.__getitem__)
        batches += [pool[first : first + batch_size] for first in range(0, len(pool), batch_size)]
    for position in torch.randperm(len(batches), generator=generator).tolist():
        yield batches[position]


def length_batches(
    lengths: Sequence[int], positions: Sequence[int], tokens: int = TOKENS_PER_BATCH
) -> Iterator[list[int]]:
    """Cuts texts, ordered by length, into batches of a bounded number of tokens with padding.

    The batches follow from the lengths alone, so the same texts give the same batches and, on one
    machine, the same floating-point numbers.

    Args:
        lengths: Number of tokens of each text.
        positions: Which texts, as positions in `lengths`.
        tokens: Most tokens of a batch, its padding included; a longer text is a batch of its own.

    Yields:
        The positions of one batch's texts; each position comes exactly once.

    Example:
        >>> list(length_batches([5, 1, 2, 5], range(4), tokens=10))
        [[1, 2], [0, 3]]
    """
    batch: list[int] = []
    for position in sorted(positions, key=lambda position: (lengths[position], position)):
        if batch and (len(batch) + 1) * lengths[position] > tokens:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch
