"""A mean over texts and how sure it is."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from torch import Tensor

RESAMPLES = 9_999
_RESAMPLES_AT_ONCE = 1_000
_MEANS_AT_ONCE = 256


@dataclass(frozen=True)
class MeanInterval:
    """The mean of one number for each text, with a bootstrap interval.

    Attributes:
        mean: The mean over the texts counted; NaN without any.
        low: Lower end of the interval; NaN with fewer than two texts.
        high: Upper end of the interval; NaN with fewer than two texts.
        texts: Number of texts counted.
        left_out: Number of texts whose value is NaN.
    """

    mean: float
    low: float
    high: float
    texts: int
    left_out: int


def mean_interval(values: Tensor, *, seed: int, confidence: float = 0.95) -> MeanInterval:
    """Mean over texts and its percentile bootstrap interval.

    The interval holds the middle `confidence` of the means of 9,999 resamples of the texts
    (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13). Texts whose value
    is NaN are left out and counted.

    Args:
        values: One number for each text (texts,).
        seed: Seed of the resampling, 0 or greater.
        confidence: Share of the resampled means inside the interval, in (0, 1).

    Returns:
        The mean, the ends of the interval and the numbers of texts.

    Example:
        >>> import torch
        >>> mean_interval(torch.tensor([2.0, 2.0, float("nan")]), seed=0)
        MeanInterval(mean=2.0, low=2.0, high=2.0, texts=2, left_out=1)
    """
    numbers = values.detach().double().cpu().numpy()
    known = numbers[~np.isnan(numbers)]
    left_out = len(numbers) - len(known)
    if len(known) < 2:
        mean = float(known[0]) if len(known) else math.nan
        return MeanInterval(mean, math.nan, math.nan, len(known), left_out)
    interval = stats.bootstrap(
        (known,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=_RESAMPLES_AT_ONCE,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return MeanInterval(
        float(known.mean()), float(interval.low), float(interval.high), len(known), left_out
    )


def mean_intervals(values: Tensor, *, seed: int, confidence: float = 0.95) -> tuple[Tensor, Tensor]:
    """Percentile bootstrap intervals of many means over the same texts; see `mean_interval`.

    All means are resampled together.

    Args:
        values: Numbers for each text (texts, ...); NaN is left out of its mean.
        seed: Seed of the resampling, 0 or greater.
        confidence: Share of the resampled means inside an interval, in (0, 1).

    Returns:
        Lower and upper ends (...), in double precision on the CPU; NaN where fewer than two texts
        have a value.

    Example:
        >>> import torch
        >>> low, high = mean_intervals(torch.tensor([[0.0, 1.0], [2.0, 1.0]]), seed=0)
        >>> low.tolist(), high.tolist()
        ([0.0, 1.0], [2.0, 1.0])
    """
    shape = values.shape[1:]
    numbers = values.detach().double().cpu().reshape(len(values), -1).numpy()
    known = ~np.isnan(numbers)
    texts = len(numbers)
    draws = np.random.default_rng(seed).multinomial(texts, [1 / texts] * texts, size=RESAMPLES)
    weights = draws.astype(np.float64)
    ends = np.full((2, numbers.shape[1]), math.nan)
    outside = (1 - confidence) / 2
    for start in range(0, numbers.shape[1], _MEANS_AT_ONCE):
        part = slice(start, start + _MEANS_AT_ONCE)
        sums = weights @ np.where(known[:, part], numbers[:, part], 0.0)
        counts = weights @ known[:, part]
        with np.errstate(invalid="ignore"):
            means = sums / counts
        defined = known[:, part].sum(axis=0) > 1
        ends[:, part][:, defined] = np.nanquantile(
            means[:, defined], [outside, 1 - outside], axis=0
        )
    low, high = torch.from_numpy(ends).reshape(2, *shape)
    return low, high
