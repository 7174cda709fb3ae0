"""Bootstrap intervals of many means over the same texts at once."""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from torch import Tensor

from captum_rnn.evaluation.interval import RESAMPLES, MeanInterval

_COLUMNS_AT_ONCE = 256
_TAILS = (0.025, 0.975)


def mean_intervals(values: Tensor, *, seed: int) -> list[MeanInterval]:
    """Mean and 95 % percentile bootstrap interval of every column, over its texts.

    What `captum_rnn.evaluation.mean_interval` finds of one column, but the resamples are shared: a
    mean over a resample is a product with how often each text was drawn. In a resample, texts
    whose value is NaN are passed over.

    Args:
        values: Numbers (texts, columns); NaN where a text has none.
        seed: Seed of the resampling, 0 or greater.

    Returns:
        One interval for each column; its ends are NaN with fewer than two texts.

    Example:
        >>> import torch
        >>> first, second = mean_intervals(torch.tensor([[2.0, 1.0], [2.0, float("nan")]]), seed=0)
        >>> first
        MeanInterval(mean=2.0, low=2.0, high=2.0, texts=2, left_out=0)
        >>> second
        MeanInterval(mean=1.0, low=nan, high=nan, texts=1, left_out=1)
    """
    table = values.detach().cpu().double().numpy()
    texts = len(table)
    drawn = (
        np.random.default_rng(seed)
        .multinomial(texts, [1 / texts] * texts, size=RESAMPLES)
        .T.astype(np.float64)
    )
    return [
        interval
        for start in range(0, table.shape[1], _COLUMNS_AT_ONCE)
        for interval in _intervals(table[:, start : start + _COLUMNS_AT_ONCE], drawn)
    ]


def _intervals(
    table: npt.NDArray[np.float64], drawn: npt.NDArray[np.float64]
) -> Iterator[MeanInterval]:
    """Intervals of columns (texts, columns) from the numbers of draws (texts, resamples)."""
    known = (~np.isnan(table)).astype(np.float64)
    shown = np.nan_to_num(table, nan=0.0)
    means = _mean(shown.sum(axis=0), known.sum(axis=0))
    # Around its mean, a column of equal numbers has exactly no spread.
    deviations = np.where(known > 0, table - means, 0.0)
    resampled = means[:, None] + _mean(deviations.T @ drawn, known.T @ drawn)
    numbers = known.sum(axis=0).astype(int)
    enough = numbers >= 2
    ends = np.full((2, table.shape[1]), math.nan)
    if enough.any():
        ends[:, enough] = np.nanquantile(resampled[enough], _TAILS, axis=1)
    for column, number in enumerate(numbers.tolist()):
        low, high = ends[:, column].tolist()
        yield MeanInterval(float(means[column]), low, high, number, len(table) - number)


def _mean(
    total: npt.NDArray[np.float64], number: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Total over number, NaN where there is none."""
    mean: npt.NDArray[np.float64] = np.full(total.shape, math.nan)
    return np.divide(total, number, out=mean, where=number > 0)
