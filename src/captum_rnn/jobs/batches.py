"""Texts of similar length together, as many as a budget of tokens allows."""

from collections.abc import Iterator, Sequence

TOKENS_A_BATCH = 8_192


def length_batches(
    lengths: Sequence[int], positions: Sequence[int], tokens: int = TOKENS_A_BATCH
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
