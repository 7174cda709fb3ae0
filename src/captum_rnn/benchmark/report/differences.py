"""Who is ahead in comprehensiveness, and by how much on the same texts."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from captum_rnn.benchmark.results import ComparisonData, MethodResult
from captum_rnn.evaluation import MeanInterval
from captum_rnn.evaluation import paired_difference as difference_of_texts

BASELINE = "random"


@dataclass(frozen=True)
class Difference:
    """How much more comprehensive a method of this package is than another one.

    Attributes:
        method: Label of the method.
        other: Label of the method that it is compared with.
        gain: The paired difference; positive where `method` is better.
    """

    method: str
    other: str
    gain: MeanInterval

    @property
    def verdict(self) -> str:
        """What follows from the interval, in a word or two."""
        if self.gain.low > 0:
            return "better"
        return "worse" if self.gain.high < 0 else "no difference shown"


def differences(comparison: ComparisonData) -> list[Difference]:
    """Compares each method of this package with the best other one.

    Returns:
        The pairs, the most comprehensive methods first; none where there is no other method.
    """
    methods = ranked(comparison)
    rival = next((method for method in methods if not method.ours), None)
    if rival is None:
        return []
    return [
        Difference(method.label, rival.label, paired_difference(comparison, method, rival))
        for method in methods
        if method.ours
    ]


def paired_difference(
    comparison: ComparisonData, method: MethodResult, other: MethodResult
) -> MeanInterval:
    """Mean difference of two methods' comprehensiveness on the same texts, with its interval.

    Args:
        comparison: The comparison of both methods; its seed is that of the bootstrap.
        method: One method.
        other: The method whose values are subtracted.

    Returns:
        The mean over the texts that have both values, and its 95 % interval.
    """
    return difference_of_texts(_values(method), _values(other), seed=comparison.seed)


def ranked(comparison: ComparisonData) -> list[MethodResult]:
    """The methods that are no baseline, the most comprehensive first."""
    methods = [method for method in compared(comparison) if method.name != BASELINE]
    return sorted(methods, key=comprehensiveness, reverse=True)


def compared(comparison: ComparisonData) -> list[MethodResult]:
    """The methods that have a comprehensiveness."""
    methods = comparison.methods.values()
    return [method for method in methods if not math.isnan(comprehensiveness(method))]


def baseline_of(comparison: ComparisonData) -> MethodResult | None:
    """The random scores among the methods, which every method has to beat."""
    return next((m for m in compared(comparison) if m.name == BASELINE), None)


def comprehensiveness(method: MethodResult) -> float:
    """Mean comprehensiveness of a method; NaN where it has none."""
    found = method.measures.get("comprehensiveness")
    return math.nan if found is None else found.mean


def _values(method: MethodResult) -> Tensor:
    return torch.tensor(method.per_text["comprehensiveness"], dtype=torch.float64)
