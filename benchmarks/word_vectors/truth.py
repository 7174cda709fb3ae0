"""How far scores are from contributions that are known, as those of a linear model are."""

import torch
from torch import Tensor

from captum_rnn.evaluation.validation import check_scores


def error_at_best_scale(ids: Tensor, scores: Tensor, truth: Tensor, *, pad_id: int = 0) -> Tensor:
    r"""The part of the true contributions that no positive multiple of the scores gives.

    .. math:: \min_{a \ge 0} \frac{\lVert a s - c \rVert}{\lVert c \rVert}
              = \sqrt{1 - \max(0, \cos(s, c))^2}

    Methods answer in different units, so only what is left at the best scale is an error: 0 for
    scores in proportion to the truth, 1 for scores that tell nothing about it.

    Args:
        ids: Token ids (batch, time); tokens equal to `pad_id` are left out.
        scores: Attribution scores (batch, time).
        truth: What each token contributes (batch, time).
        pad_id: The id of the positions that the model does not read.

    Returns:
        One number in [0, 1] for each text (batch,), in double precision on the CPU; NaN for a text
        to which nothing contributes.

    Raises:
        TypeError: `ids` is not a tensor of whole numbers.
        ValueError: The shapes differ, or a score is NaN.

    Example:
        >>> ids, truth = torch.tensor([[4, 7]]), torch.tensor([[3.0, 4.0]])
        >>> [
        ...     error_at_best_scale(ids, torch.tensor([scores]), truth).item()
        ...     for scores in ([6.0, 8.0], [-3.0, -4.0])
        ... ]
        [0.0, 1.0]
    """
    check_scores(ids, scores, pad_id)
    check_scores(ids, truth, pad_id)
    read = (ids != pad_id).cpu()
    given, true = (
        values.detach().to("cpu", torch.float64).masked_fill(~read, 0.0)
        for values in (scores, truth)
    )
    lengths = torch.linalg.vector_norm(given, dim=1, keepdim=True)
    along = given / lengths.masked_fill(lengths == 0, 1.0)
    scale = (along * true).sum(1, keepdim=True).clamp(min=0.0)
    left = torch.linalg.vector_norm(true - scale * along, dim=1)
    error: Tensor = left / torch.linalg.vector_norm(true, dim=1)
    return error
