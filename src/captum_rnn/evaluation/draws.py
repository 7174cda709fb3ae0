"""Random numbers that belong to a text, not to its place in a batch."""

import numpy as np
import torch
from torch import Tensor


def text_draws(ids: Tensor, *, seed: int, stream: int, pad_id: int = 0, samples: int = 1) -> Tensor:
    """Draws uniform numbers for each token, from a generator of each text's own.

    The generator of a text is seeded with `seed`, `stream` and the text's token ids, so the draws
    of a text do not change with its padding or with what else is in the batch.

    Args:
        ids: Token ids (batch, time).
        seed: The caller's seed, 0 or greater.
        stream: Keeps draws for different purposes independent under one seed.
        pad_id: The id of the positions that get no draw.
        samples: How many numbers each token gets.

    Returns:
        Numbers in [0, 1) (batch, time), or (batch, samples, time) with more than one sample, on the
        CPU in double precision; 0 at padded positions.

    Example:
        >>> alone = text_draws(torch.tensor([[4, 2]]), seed=0, stream=0)
        >>> batched = text_draws(torch.tensor([[7, 8, 9], [4, 2, 0]]), seed=0, stream=0)
        >>> bool((alone[0] == batched[1, :2]).all())
        True
    """
    tokens = ids.cpu().numpy()
    draws = np.zeros((len(tokens), samples, tokens.shape[1]))
    for row, text in enumerate(tokens):
        read = text != pad_id
        generator = np.random.default_rng([seed, stream, *text[read]])
        draws[row][:, read] = generator.random((samples, read.sum()))
    return torch.from_numpy(draws.squeeze(1) if samples == 1 else draws)
