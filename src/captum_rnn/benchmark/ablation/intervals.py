"""Bootstrap intervals of many means over the same texts at once."""

import functools
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
    drawn = _draws(len(table), seed)
    return [
        interval
        for start in range(0, table.shape[1], _COLUMNS_AT_ONCE)
        for interval in _intervals(table[:, start : start + _COLUMNS_AT_ONCE], drawn)
    ]


@functools.lru_cache(maxsize=1)
def _draws(texts: int, seed: int) -> npt.NDArray[np.float64]:
    """How often each resample draws each text (texts, resamples); kept for the next table."""
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(texts, [1 / texts] * texts, size=RESAMPLES)
    return drawn.T.astype(np.float64)


def _intervals(
    table: npt.NDArray[np.float64], drawn: npt.NDArray[np.float64]
) -> Iterator[MeanInterval]:
    """Intervals of columns (texts, columns) from the numbers of draws (texts, resamples)."""
    known = ~np.isnan(table)
    numbers = known.sum(axis=0)
    # Without gaps, every resample has as many numbers as there are texts, and a mean.
    without_gaps = bool(known.all())
    drawn_numbers = len(table) if without_gaps else known.T.astype(np.float64) @ drawn
    quantile = np.quantile if without_gaps else np.nanquantile
    with np.errstate(invalid="ignore"):  # 0 / 0 is the mean of no number
        means = np.nansum(table, axis=0) / numbers
        # Around its mean, a column of equal numbers has exactly no spread.
        resampled = np.where(known, table - means, 0.0).T @ drawn
        resampled /= drawn_numbers
    resampled += means[:, None]
    ends = np.full((2, table.shape[1]), math.nan)
    enough = numbers >= 2
    if enough.any():
        ends[:, enough] = quantile(resampled[enough], _TAILS, axis=1, overwrite_input=True)
    for mean, low, high, number in zip(
        means.tolist(), *ends.tolist(), numbers.tolist(), strict=True
    ):
        yield MeanInterval(mean, low, high, number, len(table) - number)
