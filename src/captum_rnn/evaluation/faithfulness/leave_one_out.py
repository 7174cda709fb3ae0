"""Exact leave-one-out: every token of every text removed, or replaced, once."""

import torch
from torch import Tensor

from captum_rnn.evaluation.perturbed import PerturbedPredictions

_MASKS_AT_ONCE = 2**26
"""Most positions of the masks that are held at one time."""


def leave_one_out(perturbed: PerturbedPredictions) -> Tensor:
    r"""How far the probability of the predicted class falls without each single token.

    .. math::
        \text{score}_t = p_c(x) - p_c(x \setminus x_t)

    with c the class predicted for the whole text. The removals of all texts, n for a text of n
    tokens, are predicted together in batches of equal length.

    Example:
        A classifier whose class 1 is as probable as the share of tens in two positions.

        >>> def predict(ids):
        ...     share = (ids == 10).sum(1) / 2
        ...     return torch.stack([1 - share, share], 1)
        >>> leave_one_out(PerturbedPredictions(predict, torch.tensor([[10, 10, 4, 0]])))
        tensor([[0.5000, 0.5000, 0.0000, 0.0000]], dtype=torch.float64)

    Args:
        perturbed: Predictions for perturbed versions of the texts; whether tokens are removed or
            replaced, it says.

    Returns:
        Scores (batch, time), in double precision on the CPU; 0 where the model does not read.
    """
    scores = torch.zeros(perturbed.ids.shape, dtype=torch.float64)
    tokens = perturbed.read.nonzero()
    time = perturbed.ids.shape[1]
    for part in torch.split(tokens, max(1, _MASKS_AT_ONCE // time)):
        rows, columns = part.unbind(1)
        others = torch.arange(time) != columns.unsqueeze(1)
        without = perturbed.probabilities(rows, others)
        of_predicted = without.gather(1, perturbed.predicted[rows].unsqueeze(1)).squeeze(1)
        scores[rows, columns] = perturbed.probability[rows] - of_predicted
    return scores
