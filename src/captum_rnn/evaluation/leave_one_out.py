"""Exact leave-one-out: every token of every text removed once."""

import torch
from torch import Tensor

from captum_rnn.evaluation.prediction import (
    TOKEN_BUDGET,
    Predict,
    predict_in_batches,
    predicted_class,
)
from captum_rnn.evaluation.removal import keep_tokens
from captum_rnn.evaluation.validation import check_ids


def leave_one_out(
    predict: Predict,
    ids: Tensor,
    *,
    probabilities: Tensor | None = None,
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
    check_ids(ids)
    whole, predicted = predicted_class(
        predict, ids, probabilities, pad_id=pad_id, token_budget=token_budget
    )
    read = ids != pad_id
    scores = torch.zeros(ids.shape, dtype=torch.float64)
    text_of, column_of = read.nonzero(as_tuple=True)
    if len(text_of) == 0:
        return scores
    position_of = (read.cumsum(dim=1) - 1)[text_of, column_of]
    remaining = read.sum(dim=1)[text_of] - 1
    aligned = keep_tokens(ids, read, pad_id=pad_id)

    def texts_without_one_token(rows: Tensor) -> Tensor:
        width = max(1, int(remaining[rows].max()))
        columns = torch.arange(width, device=ids.device)
        source = columns + (columns >= position_of[rows].unsqueeze(1)).long()
        texts = aligned[text_of[rows].unsqueeze(1), source.clamp(max=aligned.shape[1] - 1)]
        return texts.masked_fill(columns >= remaining[rows].unsqueeze(1), pad_id)

    without = predict_in_batches(predict, remaining, texts_without_one_token, token_budget)
    text_of, column_of = text_of.cpu(), column_of.cpu()
    scores[text_of, column_of] = whole[text_of] - without.gather(
        1, predicted[text_of].unsqueeze(1)
    ).squeeze(1)
    return scores
