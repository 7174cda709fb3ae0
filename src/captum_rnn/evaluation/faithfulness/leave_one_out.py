"""Exact leave-one-out: every token of every text removed, or replaced, once."""

import torch
from torch import Tensor

from captum_rnn.evaluation.perturbed import PerturbedPredictions
from captum_rnn.evaluation.prediction import TOKEN_BUDGET, Predict

_MASKS_AT_ONCE = 2**26
"""Most positions of the masks that are held at one time."""


def leave_one_out(
    predict: Predict,
    ids: Tensor,
    *,
    probabilities: Tensor | None = None,
    replacement_id: int | None = None,
    pad_id: int = 0,
    token_budget: int = TOKEN_BUDGET,
) -> Tensor:
    r"""How far the probability of the predicted class falls without each single token.

    .. math::
        \text{score}_t = p_c(x) - p_c(x \setminus x_t)

    with c the class predicted for the whole text. The removals of all texts, n for a text of n
    tokens, are predicted together in batches of equal length.

    Args:
        predict: The classifier.
        ids: Token ids (batch, time); `pad_id` marks what the model does not read, at any position.
        probabilities: Probabilities (batch, classes) of the whole texts, where they are known.
        replacement_id: What takes the place of the token, such as the id of the unknown word; None
            removes it.
        pad_id: The id of the positions that the model does not read.
        token_budget: Most tokens of one forward pass, padding included.

    Returns:
        Scores (batch, time), in double precision on the CPU; 0 where the model does not read.

    Raises:
        TypeError: `ids` is not a tensor of whole numbers.
        ValueError: `ids` is no batch of texts, or `predict` answers with a wrong shape.

    Example:
        A classifier whose class 1 is as probable as the share of tens in two positions.

        >>> def predict(ids):
        ...     share = (ids == 10).sum(1) / 2
        ...     return torch.stack([1 - share, share], 1)
        >>> leave_one_out(predict, torch.tensor([[10, 10, 4, 0]]))
        tensor([[0.5000, 0.5000, 0.0000, 0.0000]], dtype=torch.float64)
    """
    return leave_one_out_of(
        PerturbedPredictions(
            predict,
            ids,
            probabilities=probabilities,
            replacement_id=replacement_id,
            pad_id=pad_id,
            token_budget=token_budget,
        )
    )


def leave_one_out_of(perturbed: PerturbedPredictions) -> Tensor:
    """`leave_one_out` of texts whose perturbed predictions other measures ask for too.

    Args:
        perturbed: Predictions for perturbed versions of the texts.

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
