"""The length of word vectors: what it has to do with frequency, and vectors without it."""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch.nn.functional as F
from scipy import stats
from torch import Tensor, nn

_RESAMPLES = 999
_ROUNDING = 1e-6

Values: TypeAlias = npt.NDArray[np.float64]


class UnitVectors(nn.Module):
    """A parametrization that keeps every row of a weight at length 1; a zero row stays zero.

    Example:
        >>> import torch
        >>> from torch.nn.utils import parametrize
        >>> embedding = nn.Embedding(5, 3, padding_idx=0)
        >>> _ = parametrize.register_parametrization(embedding, "weight", UnitVectors())
        >>> torch.allclose(embedding.weight.norm(dim=1), torch.tensor([0.0, 1, 1, 1, 1]))
        True
    """

    def forward(self, weight: Tensor) -> Tensor:
        """The rows of `weight` (words, features), each divided by its length."""
        return F.normalize(weight, dim=1)


def scaled_vectors(vectors: Tensor) -> Tensor:
    """The vectors times one number that makes the mean squared length of the words 1.

    Vectors of different origin then start a network at the same scale, their lengths relative to
    each other kept.

    Args:
        vectors: Word vectors (words, features); zero rows do not count.

    Returns:
        Scaled vectors (words, features).

    Example:
        >>> import torch
        >>> scaled_vectors(torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]]))
        tensor([[0., 0.],
                [1., 0.],
                [0., 1.]])
    """
    squares = vectors.square().sum(1)
    return vectors / squares[squares > 0].mean().sqrt()


@dataclass(frozen=True)
class NormFrequency:
    """Correlation of squared length and −log P(w) over the words of a vocabulary.

    Attributes:
        pearson: Pearson's correlation.
        pearson_interval: Its 95 % percentile bootstrap interval over words.
        spearman: Spearman's rank correlation.
        spearman_interval: Its interval, of resampled ranks.
        words: Number of words counted.
    """

    pearson: float
    pearson_interval: tuple[float, float]
    spearman: float
    spearman_interval: tuple[float, float]
    words: int


def norm_frequency(vectors: Tensor, counts: Tensor, *, seed: int) -> NormFrequency:
    r"""Correlates :math:`\lVert v_w \rVert^2` with :math:`-\log P(w)`.

    A model whose inner products are pointwise mutual information would have
    :math:`\lVert v_w \rVert^2 \sim -\log P(w)`: rare words long, frequent words short.

    Args:
        vectors: Word vectors (words, features).
        counts: How often each word occurs (words,); words that do not are left out.
        seed: Seed of the resampling.

    Returns:
        The correlations with their intervals; NaN where all vectors or all counts are alike.

    Raises:
        ValueError: Counts of another number of words, or fewer than three words that occur.

    Example:
        >>> import torch
        >>> counts = torch.arange(1, 21)
        >>> found = norm_frequency(counts.log().unsqueeze(1), counts, seed=0)
        >>> round(found.pearson, 3), round(found.spearman, 3)
        (-0.966, -1.0)
    """
    if counts.shape != vectors.shape[:1]:
        raise ValueError(
            f"counts has shape {tuple(counts.shape)} for vectors of shape {tuple(vectors.shape)}; "
            "expected one count for each vector"
        )
    occurs = counts > 0
    if int(occurs.sum()) < 3:
        raise ValueError(f"{int(occurs.sum())} words occur; expected at least three to correlate")
    squares = vectors[occurs].double().square().sum(1).numpy()
    rareness = -np.log(counts[occurs].double().numpy() / float(counts.sum()))
    if np.ptp(squares) <= _ROUNDING * squares.mean() or np.ptp(rareness) == 0:
        unknown = math.nan, math.nan
        return NormFrequency(math.nan, unknown, math.nan, unknown, len(squares))
    pearson, pearson_interval = _correlation(squares, rareness, seed)
    spearman, spearman_interval = _correlation(
        stats.rankdata(squares), stats.rankdata(rareness), seed
    )
    return NormFrequency(pearson, pearson_interval, spearman, spearman_interval, len(squares))


def _correlation(first: Values, second: Values, seed: int) -> tuple[float, tuple[float, float]]:
    """Pearson's correlation and its bootstrap interval."""
    found = stats.pearsonr(first, second)
    method = stats.BootstrapMethod(
        n_resamples=_RESAMPLES, method="percentile", rng=np.random.default_rng(seed)
    )
    interval = found.confidence_interval(0.95, method=method)
    return float(found.statistic), (float(interval.low), float(interval.high))
