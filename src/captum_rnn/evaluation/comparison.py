"""Which methods differ on the same texts, and which cannot be told apart."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from captum_rnn.evaluation.interval import RESAMPLES, MeanInterval, mean_interval

_RESAMPLES_AT_ONCE = 1_000


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


@dataclass(frozen=True)
class Comparison:
    """All pairs of methods on one measure.

    Attributes:
        names: The methods that have a value for some text, the best first.
        means: Mean of each (methods,), over the texts where it is defined.
        difference: Mean of row minus column (methods, methods), over the texts that have both.
        low: Lower ends of the intervals of the differences (methods, methods).
        high: Upper ends of the intervals of the differences (methods, methods).
        tied_with_best: The methods that cannot be told apart from the best, itself included.
        groups: The largest sets of methods no two of which can be told apart, the best first.
        left_out: The methods without a value for any text.
    """

    names: tuple[str, ...]
    means: Tensor
    difference: Tensor
    low: Tensor
    high: Tensor
    tied_with_best: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    left_out: tuple[str, ...]

    @property
    def letters(self) -> dict[str, str]:
        """The compact letter display: methods that share a letter cannot be told apart.

        After the 26th group come a1, b1 and so on.
        """
        labels = [
            chr(ord("a") + number % 26) + (str(number // 26) if number >= 26 else "")
            for number in range(len(self.groups))
        ]
        return {
            name: "".join(
                label for label, group in zip(labels, self.groups, strict=True) if name in group
            )
            for name in self.names
        }


def compare_methods(
    values: Mapping[str, Tensor],
    *,
    seed: int,
    higher_is_better: bool = True,
    confidence: float = 0.95,
) -> Comparison:
    """Compares every two methods on the same texts by the paired bootstrap.

    Two methods are told apart where the percentile interval of their mean difference, over 9,999
    resamples of the texts that are the same for all pairs, does not hold 0. The intervals are not
    corrected for the number of pairs: of twenty pairs of equally good methods about one is told
    apart by chance. That two cannot be told apart does not show that they are equally good.

    Args:
        values: One number for each text (texts,) by method name; NaN where it is not defined. A
            pair is compared on the texts where both are.
        seed: Seed of the resampling, 0 or greater.
        higher_is_better: Whether the best method has the highest mean.
        confidence: Share of the resampled means inside the interval, in (0, 1).

    Returns:
        The differences, their intervals and the groups that follow.

    Raises:
        ValueError: The methods have not one number each for the same texts, or none is defined.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13; the groups
    are those of Piepho, "An Algorithm for a Letter-Based Representation of All-Pairwise
    Comparisons", 2004.

    Example:
        >>> values = {
        ...     "poor": torch.tensor([0.1, 0.2, 0.1, 0.3]),
        ...     "good": torch.tensor([0.7, 0.9, 0.8, 0.8]),
        ...     "fine": torch.tensor([0.9, 0.8, 0.6, 0.9]),
        ... }
        >>> compare_methods(values, seed=0).letters
        {'good': 'a', 'fine': 'a', 'poor': 'b'}
    """
    table = _table(values)
    defined: npt.NDArray[np.bool_] = np.count_nonzero(~np.isnan(table), axis=1) > 0
    if not defined.any():
        raise ValueError("no method has a value for any text; there is nothing to compare")
    means = np.nanmean(table[defined], axis=1)
    order = np.argsort(-means if higher_is_better else means, kind="stable")
    known = [name for name, is_known in zip(values, defined, strict=True) if is_known]
    names = tuple(known[place] for place in order)
    difference, low, high = _pairwise(table[defined][order], seed, confidence)
    apart: npt.NDArray[np.bool_] = (low > 0) | (high < 0)
    tied = np.flatnonzero(~apart[0])
    return Comparison(
        names=names,
        means=torch.from_numpy(means[order]),
        difference=torch.from_numpy(difference),
        low=torch.from_numpy(low),
        high=torch.from_numpy(high),
        tied_with_best=tuple(names[place] for place in tied),
        groups=tuple(tuple(names[place] for place in group) for group in _groups(apart)),
        left_out=tuple(name for name in values if name not in known),
    )


def _table(values: Mapping[str, Tensor]) -> npt.NDArray[np.float64]:
    """Values (methods, texts)."""
    shapes = {tuple(of_method.shape) for of_method in values.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        raise ValueError(
            f"the methods' values have shapes {sorted(shapes)}; expected one number for each of "
            "the same texts (texts,) from one or more methods"
        )
    return np.stack([of_method.detach().cpu().double().numpy() for of_method in values.values()])


def _pairwise(
    table: npt.NDArray[np.float64], seed: int, confidence: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean differences (methods, methods) of values (methods, texts), and their intervals.

    A mean over a resample is a product with how often each text was drawn, so that all pairs share
    one matrix product.
    """
    methods, texts = table.shape
    first, second = np.triu_indices(methods, k=1)
    differences = table[first] - table[second]
    both = (~np.isnan(differences)).astype(np.float64)  # as numbers, for a fast matrix product
    differences = np.nan_to_num(differences, nan=0.0)
    generator = np.random.default_rng(seed)
    resampled = np.empty((len(first), RESAMPLES))
    for start in range(0, RESAMPLES, _RESAMPLES_AT_ONCE):
        part = resampled[:, start : start + _RESAMPLES_AT_ONCE]
        drawn = generator.multinomial(texts, [1 / texts] * texts, size=part.shape[1]).T.astype(
            np.float64
        )
        part[:] = _mean(differences @ drawn, both @ drawn)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    enough = both.sum(axis=1) >= 2
    ends = np.full((2, len(first)), math.nan)
    ends[:, enough] = np.nanquantile(resampled[enough], tails, axis=1)
    mean = _mean(differences.sum(axis=1), both.sum(axis=1))
    return (
        _antisymmetric(methods, mean, -mean),
        _antisymmetric(methods, ends[0], -ends[1]),
        _antisymmetric(methods, ends[1], -ends[0]),
    )


def _mean(
    total: npt.NDArray[np.float64], number: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Total over number, NaN where there is none."""
    mean: npt.NDArray[np.float64] = np.full(total.shape, math.nan)
    return np.divide(total, number, out=mean, where=number > 0)


def _antisymmetric(
    methods: int, above: npt.NDArray[np.float64], below: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """A matrix (methods, methods) from its upper triangle and its mirrored lower one."""
    matrix = np.zeros((methods, methods))
    first, second = np.triu_indices(methods, k=1)
    matrix[first, second] = above
    matrix[second, first] = below
    return matrix


def _groups(apart: npt.NDArray[np.bool_]) -> list[tuple[int, ...]]:
    """The largest sets of methods no two of which are told apart, by insertion and absorption.

    Starting from one set of all, each pair that is told apart splits every set that holds both;
    a set inside another says nothing and is dropped.
    """
    groups = {frozenset(range(len(apart)))}
    for one, other in combinations(range(len(apart)), 2):
        if apart[one, other]:
            split = {
                part
                for group in groups
                for part in (
                    (group - {one}, group - {other}) if {one, other} <= group else (group,)
                )
            }
            groups = {group for group in split if not any(group < larger for larger in split)}
    return sorted(tuple(sorted(group)) for group in groups)
