"""How sure a mean over texts is, and which methods differ on the same texts: one bootstrap."""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

RESAMPLES = 9_999
_RESAMPLES_AT_ONCE = 1_000
_COLUMNS_AT_ONCE = 1_024


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
    return mean_intervals(values.unsqueeze(1), seed=seed, confidence=confidence)[0]


def mean_intervals(values: Tensor, *, seed: int, confidence: float = 0.95) -> list[MeanInterval]:
    """`mean_interval` of many columns at once.

    Columns that have values for the same texts share the resamples: a mean over a resample is a
    product with how often each text was drawn.

    Args:
        values: Numbers (texts, columns); NaN where a text has none.
        seed: Seed of the resampling, 0 or greater.
        confidence: Share of the resampled means inside an interval, in (0, 1).

    Returns:
        One interval for each column: what `mean_interval` says of it alone.

    Example:
        >>> import torch
        >>> first, second = mean_intervals(torch.tensor([[2.0, 1.0], [2.0, float("nan")]]), seed=0)
        >>> first
        MeanInterval(mean=2.0, low=2.0, high=2.0, texts=2, left_out=0)
        >>> second
        MeanInterval(mean=1.0, low=nan, high=nan, texts=1, left_out=1)
    """
    table = values.detach().double().cpu().numpy()
    found: dict[int, MeanInterval] = {}
    known, pattern_of = np.unique(~np.isnan(table), axis=1, return_inverse=True)
    for pattern, counted in enumerate(known.T):
        columns = np.flatnonzero(pattern_of.ravel() == pattern)
        for start in range(0, len(columns), _COLUMNS_AT_ONCE):
            part = columns[start : start + _COLUMNS_AT_ONCE]
            ends = _intervals(table[np.ix_(counted, part)], seed, confidence)
            texts = int(counted.sum())
            for column, (mean, low, high) in zip(part.tolist(), ends.T.tolist(), strict=True):
                found[column] = MeanInterval(mean, low, high, texts, len(table) - texts)
    return [found[column] for column in range(table.shape[1])]


def paired_difference(
    first: Tensor, second: Tensor, *, seed: int, confidence: float = 0.95
) -> MeanInterval:
    """Mean of first minus second over the texts that have both, and its bootstrap interval.

    Args:
        first: One number for each text (texts,).
        second: Another number for each of the same texts (texts,).
        seed: Seed of the resampling, 0 or greater.
        confidence: Share of the resampled means inside the interval, in (0, 1).

    Returns:
        The mean, the ends of the interval and the numbers of texts; see `mean_interval`.

    Raises:
        ValueError: The two differ in shape.

    Example:
        >>> a, b = torch.tensor([0.5, 0.75, float("nan")]), torch.tensor([0.25, 0.5, 0.5])
        >>> paired_difference(a, b, seed=0)
        MeanInterval(mean=0.25, low=0.25, high=0.25, texts=2, left_out=1)
    """
    if first.shape != second.shape or first.dim() != 1:
        raise ValueError(
            f"the values to compare have shapes {tuple(first.shape)} and {tuple(second.shape)}; "
            "expected one number of each for the same texts (texts,)"
        )
    return mean_interval(first.cpu() - second.cpu(), seed=seed, confidence=confidence)


def tied_with_best(
    values: Mapping[str, Tensor],
    *,
    seed: int,
    higher_is_better: bool = True,
    confidence: float = 0.95,
) -> tuple[str, ...]:
    """The methods that are not significantly different from the best, by the paired bootstrap.

    A method differs from the best where the interval of their `paired_difference` does not hold 0.
    The intervals are not corrected for the number of methods: of twenty methods as good as the best
    about one differs by chance. That two do not differ does not show that they are equally good.

    Args:
        values: One number for each text (texts,) by method name; NaN where it is not defined. Two
            methods are compared on the texts where both are.
        seed: Seed of the resampling, 0 or greater.
        higher_is_better: Whether the best method has the highest mean.
        confidence: Share of the resampled means inside the interval, in (0, 1).

    Returns:
        Their names, the best first; a method without a value for any text is not among them.

    Raises:
        ValueError: The methods have not one number each for the same texts.

    Example:
        >>> values = {
        ...     "poor": torch.tensor([0.1, 0.2, 0.1, 0.3]),
        ...     "good": torch.tensor([0.7, 0.9, 0.8, 0.8]),
        ...     "fine": torch.tensor([0.9, 0.8, 0.6, 0.9]),
        ... }
        >>> tied_with_best(values, seed=0)
        ('good', 'fine')
    """
    shapes = {tuple(of_method.shape) for of_method in values.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        raise ValueError(
            f"the methods' values have shapes {sorted(shapes)}; expected one number for each of "
            "the same texts (texts,) from one or more methods"
        )
    means = {name: float(numbers.double().nanmean()) for name, numbers in values.items()}
    ranked = sorted(
        (name for name in values if not math.isnan(means[name])),
        key=lambda name: -means[name] if higher_is_better else means[name],
    )
    if not ranked:
        return ()
    best, *others = ranked
    differences = [values[name].double().cpu() - values[best].double().cpu() for name in ranked]
    intervals = mean_intervals(torch.stack(differences, dim=1), seed=seed, confidence=confidence)
    apart = {
        name: interval.low > 0 or interval.high < 0
        for name, interval in zip(ranked, intervals, strict=True)
    }
    return (best, *(name for name in others if not apart[name]))


def _intervals(
    table: npt.NDArray[np.float64], seed: int, confidence: float
) -> npt.NDArray[np.float64]:
    """Mean and ends of the interval (3, columns) of numbers (texts, columns) without gaps."""
    texts, columns = table.shape
    if not texts:
        return np.full((3, columns), math.nan)
    means = table.mean(axis=0)
    if texts == 1:
        return np.stack([means, *np.full((2, columns), math.nan)])
    resampled = np.empty((columns, RESAMPLES))
    # Around its mean, a column of equal numbers has exactly no spread.
    centred = (table - means).T
    for start, drawn in enumerate(_draws(texts, seed)):
        place = start * _RESAMPLES_AT_ONCE
        resampled[:, place : place + drawn.shape[1]] = centred @ drawn.astype(np.float64)
    resampled = resampled / texts + means[:, None]
    outside = (1 - confidence) / 2
    return np.stack([means, *np.quantile(resampled, [outside, 1 - outside], axis=1)])


@functools.lru_cache(maxsize=2)
def _draws(texts: int, seed: int) -> list[npt.NDArray[np.int16]]:
    """How often resamples draw each text, in parts (texts, resamples); kept for the next table."""
    generator = np.random.default_rng(seed)
    parts = []
    for start in range(0, RESAMPLES, _RESAMPLES_AT_ONCE):
        resamples = min(_RESAMPLES_AT_ONCE, RESAMPLES - start)
        chosen = generator.integers(0, texts, size=(resamples, texts))
        places = chosen + texts * np.arange(resamples)[:, None]
        counts = np.bincount(places.ravel(), minlength=resamples * texts)
        parts.append(counts.reshape(resamples, texts).T.astype(np.int16))
    return parts
