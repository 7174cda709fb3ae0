"""The order in which tokens are taken out."""

import numpy as np
import torch
from torch import Tensor

from captum_rnn.evaluation.draws import text_draws

_TIE_STREAM = 1


def importance_ranks(
    ids: Tensor, scores: Tensor, *, pad_id: int = 0, seed: int | None = None
) -> Tensor:
    """Ranks the tokens of each text by signed score, 0 for the highest.

    Among tokens of equal score the earlier comes first. That order favours methods whose scores are
    constant or mostly zero on texts whose important words stand early; with a `seed` the order is
    drawn for each text instead, the same for every method. Tokens that the model does not read come
    last.

    Args:
        ids: Token ids (batch, time).
        scores: Attribution scores (..., batch, time), those of several methods where there are
            further axes.
        pad_id: The id of the positions that the model does not read.
        seed: Seed of the order among equal scores; None puts the earlier token first.

    Returns:
        Ranks (..., batch, time) from 0, on the device of `ids`.

    Example:
        >>> importance_ranks(torch.tensor([[4, 0, 6, 5]]), torch.tensor([[0.1, 9.0, -0.2, 0.7]]))
        tensor([[1, 3, 2, 0]])
        >>> importance_ranks(torch.tensor([[4, 6, 5]]), torch.tensor([[0.1, 0.3, 0.1]]))
        tensor([[1, 0, 2]])
    """
    falling = -scores.detach().to("cpu", torch.float64).numpy()
    not_read = np.broadcast_to((ids == pad_id).cpu().numpy(), falling.shape)
    if seed is None:
        ties = np.zeros(ids.shape)
    else:
        ties = text_draws(ids, seed=seed, stream=_TIE_STREAM, pad_id=pad_id).numpy()
    order = np.lexsort((np.broadcast_to(ties, falling.shape), falling, not_read), axis=-1)
    return torch.from_numpy(np.argsort(order, axis=-1)).to(ids.device)


def top_tokens(ranks: Tensor, counts: Tensor) -> Tensor:
    """Marks the first tokens of a ranking.

    Args:
        ranks: Ranks (..., batch, time) from 0.
        counts: How many tokens to mark in each text (counts, batch).

    Returns:
        Masks (..., counts, batch, time).

    Example:
        >>> top_tokens(torch.tensor([[1, 0, 2]]), torch.tensor([[1], [2]]))[:, 0]
        tensor([[False,  True, False],
                [ True,  True, False]])
    """
    return ranks.unsqueeze(-3) < counts.unsqueeze(-1)
