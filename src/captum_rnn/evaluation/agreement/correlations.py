"""How far two sets of scores order the tokens of a text alike."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from captum_rnn.evaluation.measure import Measure
from captum_rnn.evaluation.validation import check_scores
from captum_rnn.extras import import_extra

PEARSON = Measure(
    "pearson",
    "Pearson correlation",
    "higher",
    "How far the scores are proportional to the true contributions, up to a constant.",
)
RANK_CORRELATION = Measure(
    "rank_correlation",
    "rank correlation",
    None,
    "Rank correlation with other scores of the same words.",
)
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
    return float(_stats().spearmanr(first, second).statistic)


def rank_correlations(ids: Tensor, first: Tensor, second: Tensor, *, pad_id: int = 0) -> Tensor:
    """Spearman's rank correlation of two sets of scores, for each text over the tokens it reads.

    Args:
        ids: Token ids (batch, time); tokens equal to `pad_id` are left out.
        first: Scores (..., batch, time), those of several methods where there are further axes.
        second: The scores of the same tokens that each is compared with (batch, time).
        pad_id: The id of the positions that the model does not read.

    Returns:
        One number in [-1, 1] or NaN for each text (..., batch); see `rank_correlation`.

    Raises:
        TypeError: `ids` is not a tensor of whole numbers.
        ValueError: The shapes differ, or a score is NaN.
    """
    check_scores(ids, second, pad_id)
    rows = first.reshape(-1, first.shape[-1])
    check_scores(ids.repeat(first.shape[:-2].numel(), 1), rows, pad_id)
    return _correlation(
        _ranks(ids, first, pad_id), _ranks(ids, second, pad_id), (ids != pad_id).cpu().numpy()
    )


def pearson_correlations(ids: Tensor, first: Tensor, second: Tensor, *, pad_id: int = 0) -> Tensor:
    """Pearson's correlation of two sets of scores, for each text over the tokens it reads.

    Where the true contribution of each token is known, this says how far scores are proportional to
    it, up to a constant.

    Args:
        ids: Token ids (batch, time); tokens equal to `pad_id` are left out.
        first: Scores (batch, time).
        second: Other scores of the same tokens (batch, time).
        pad_id: The id of the positions that the model does not read.

    Returns:
        One number in [-1, 1] for each text (batch,); NaN for fewer than three tokens, which always
        lie on a line, and where one of the two scores is the same for all tokens.

    Raises:
        TypeError: `ids` is not a tensor of whole numbers.
        ValueError: The shapes differ, or a score is NaN.

    Example:
        >>> ids, truth = torch.tensor([[4, 5, 6]]), torch.tensor([[1.0, 0.0, -1.0]])
        >>> pearson_correlations(ids, 2 * truth + 1, truth)
        tensor([1.], dtype=torch.float64)
    """
    check_scores(ids, first, pad_id)
    check_scores(ids, second, pad_id)
    return _correlation(_numbers(first), _numbers(second), (ids != pad_id).cpu().numpy())


def rank_correlation_matrices(
    ids: Tensor, scores: Mapping[str, Tensor], *, pad_id: int = 0
) -> Tensor:
    """Spearman's rank correlation of every two methods, within each text.

    The mean over the texts, `.nanmean(dim=0)`, is the table of how far methods agree.

    Args:
        ids: Token ids (batch, time); tokens equal to `pad_id` are left out.
        scores: Attribution scores (batch, time) of each method by its name.
        pad_id: The id of the positions that the model does not read.

    Returns:
        Numbers in [-1, 1] or NaN (batch, methods, methods), the methods in the order of `scores`;
        see `rank_correlation`.

    Raises:
        TypeError: `ids` is not a tensor of whole numbers.
        ValueError: There is no method, the shapes differ, or a score is NaN.

    Example:
        >>> ids = torch.tensor([[4, 5, 6]])
        >>> rising = torch.tensor([[1.0, 2.0, 3.0]])
        >>> rank_correlation_matrices(ids, {"rising": rising, "falling": -rising})
        tensor([[[ 1., -1.],
                 [-1.,  1.]]], dtype=torch.float64)
    """
    if not scores:
        raise ValueError("scores holds no method; expected scores (batch, time) by method name")
    for of_method in scores.values():
        check_scores(ids, of_method, pad_id)
    ranks = np.stack([_ranks(ids, of_method, pad_id) for of_method in scores.values()])
    read = (ids != pad_id).cpu().numpy()
    rows = [_correlation(ranks, ranks[method], read) for method in range(len(ranks))]
    return torch.stack(rows).permute(2, 0, 1).contiguous()


def _stats() -> Any:
    return import_extra("scipy.stats", "benchmark", "rank correlation")


def _numbers(scores: Tensor) -> npt.NDArray[np.float64]:
    return scores.detach().to("cpu", torch.float64).numpy()


def _ranks(ids: Tensor, scores: Tensor, pad_id: int) -> npt.NDArray[np.float64]:
    """Ranks (..., batch, time) from 1 of the tokens read; equal scores share their mean rank."""
    read = (ids != pad_id).cpu().numpy()
    ranks: npt.NDArray[np.float64] = _stats().rankdata(
        np.where(read, _numbers(scores), np.nan), axis=-1, nan_policy="omit"
    )
    return ranks


def _correlation(
    first: npt.NDArray[np.float64],
    second: npt.NDArray[np.float64],
    read: npt.NDArray[np.bool_],
) -> Tensor:
    """Pearson's correlation (..., batch) over the tokens that are read; NaN where not defined."""
    lengths = read.sum(axis=-1)
    first, second = _centred(first, read), _centred(second, read)
    spread = np.sqrt((first**2).sum(axis=-1) * (second**2).sum(axis=-1))
    defined = (lengths >= FEWEST_TOKENS) & (spread > 0)
    together = (first * second).sum(axis=-1)
    correlation = np.divide(together, spread, out=np.full_like(spread, np.nan), where=defined)
    return torch.from_numpy(correlation.clip(-1, 1))


def _centred(
    numbers: npt.NDArray[np.float64], read: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Numbers (..., batch, time) minus their mean over the tokens read, 0 at the others.

    Exactly 0 where all are equal, whatever the rounding of their mean.
    """
    shown = np.where(read, numbers, 0.0)
    mean = shown.sum(axis=-1, keepdims=True) / np.maximum(read.sum(axis=-1, keepdims=True), 1)
    lowest = np.where(read, numbers, np.inf).min(axis=-1, keepdims=True)
    highest = np.where(read, numbers, -np.inf).max(axis=-1, keepdims=True)
    return np.where(read & (lowest < highest), shown - mean, 0.0)
