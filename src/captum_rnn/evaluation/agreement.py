"""How far two sets of scores order the tokens of a text alike."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from captum_rnn.evaluation.validation import check_scores

FEWEST_TOKENS = 3
"""Two tokens can only agree or disagree, which is no correlation."""


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's rank correlation of two scores for the same tokens.

    Args:
        first: Scores (tokens,).
        second: Other scores of the same tokens (tokens,).

    Returns:
        A number in [-1, 1]; NaN for fewer than three tokens and where one of the two scores is the
        same for all tokens, since neither has an order to compare.

    Raises:
        ValueError: The two differ in length.

    Example:
        >>> rank_correlation([0.1, 0.2, 0.9], [1.0, 2.0, 3.0])
        1.0
    """
    if len(first) != len(second):
        raise ValueError(
            f"the scores to compare cover {len(first)} and {len(second)} tokens; expected two "
            "scores of the same tokens"
        )
    if len(first) < FEWEST_TOKENS or np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    return float(stats.spearmanr(first, second).statistic)


def rank_correlations(ids: Tensor, first: Tensor, second: Tensor, *, pad_id: int = 0) -> Tensor:
    """Spearman's rank correlation of two sets of scores, for each text over the tokens it reads.

    Args:
        ids: Token ids (batch, time); tokens equal to `pad_id` are left out.
        first: Scores (batch, time).
        second: Other scores of the same tokens (batch, time).
        pad_id: The id of the positions that the model does not read.

    Returns:
        One number in [-1, 1] or NaN for each text (batch,); see `rank_correlation`.

    Raises:
        TypeError: `ids` is not a tensor of whole numbers.
        ValueError: The shapes differ, or a score is NaN.
    """
    check_scores(ids, first, pad_id)
    check_scores(ids, second, pad_id)
    read = (ids != pad_id).cpu()
    first, second = first.detach().cpu(), second.detach().cpu()
    return torch.tensor(
        [
            rank_correlation(first[row, tokens].tolist(), second[row, tokens].tolist())
            for row, tokens in enumerate(read)
        ],
        dtype=torch.float64,
    )
