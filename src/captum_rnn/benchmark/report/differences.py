"""Who is ahead in comprehensiveness, and by how much on the same texts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from captum_rnn.evaluation import MeanInterval
from captum_rnn.evaluation import paired_difference as difference_of_texts

BASELINE = "random"

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """How much more comprehensive a method of this package is than another one.

    Attributes:
        method: Label of the method.
        other: Label of the method that it is held against.
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


def differences(results: Result) -> list[Difference]:
    """Holds each method of this package against the best other one.

    Args:
        results: The answer of `captum_rnn.benchmark.compare`.

    Returns:
        The pairs, the most comprehensive methods first; none where there is no other method.
    """
    methods = ranked(results)
    rival = next((method for method in methods if not method["ours"]), None)
    if rival is None:
        return []
    return [
        Difference(method["label"], rival["label"], paired_difference(results, method, rival))
        for method in methods
        if method["ours"]
    ]


def paired_difference(results: Result, method: Result, other: Result) -> MeanInterval:
    """Mean difference of two methods' comprehensiveness on the same texts, with its interval.

    Args:
        results: The results that both methods stand in; their seed is that of the bootstrap.
        method: One method.
        other: The method whose values are subtracted.

    Returns:
        The mean over the texts that have both values, and its 95 % interval.
    """
    return difference_of_texts(_values(method), _values(other), seed=int(results["seed"]))


def ranked(results: Result) -> list[Result]:
    """The methods that are no baseline, the most comprehensive first."""
    methods = [method for method in compared(results) if method["name"] != BASELINE]
    return sorted(methods, key=comprehensiveness, reverse=True)


def compared(results: Result) -> list[Result]:
    """The methods that have a comprehensiveness."""
    return [method for method in results["methods"] if not math.isnan(comprehensiveness(method))]


def baseline_of(results: Result) -> Result | None:
    """The random scores among the methods, which every method has to beat."""
    return next((m for m in compared(results) if m["name"] == BASELINE), None)


def comprehensiveness(method: Result) -> float:
    """Mean comprehensiveness of a method; NaN where it has none."""
    return _number(method["measures"].get("comprehensiveness", {}).get("mean"))


def _values(method: Result) -> Tensor:
    values = method["per_text"]["comprehensiveness"]
    return torch.tensor([_number(value) for value in values], dtype=torch.float64)


def _number(value: float | None) -> float:
    """What is not defined is null in results, since JSON has no NaN."""
    return math.nan if value is None else float(value)
