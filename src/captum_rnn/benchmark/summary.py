"""Per-text figures to means with intervals, and what can be told apart."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch

from captum_rnn.benchmark.measures import MEASURES
from captum_rnn.evaluation import mean_interval, tied_with_best

PerText = Mapping[str, Mapping[str, Sequence[float]]]


def summarise(per_text: PerText, *, seed: int) -> dict[str, dict[str, Any]]:
    """Means, intervals and ties of each method.

    Args:
        per_text: Method name → measure key → one number for each text, NaN where it has none.
        seed: Seed of the bootstrap, which resamples the same texts for all methods.

    Returns:
        Method name → measure key → `mean`, `low`, `high` (95 % interval), `texts`, `left_out`, and
        `ties_with_best`: whether the paired interval of the difference from the best method holds
        zero; None where neither direction is better. What is not defined is None.
    """
    summaries: dict[str, dict[str, Any]] = {name: {} for name in per_text}
    for key, measure in MEASURES.items():
        values = {
            name: torch.tensor(measures[key], dtype=torch.float64)
            for name, measures in per_text.items()
            if key in measures
        }
        tied = None
        if measure.better is not None and values:
            tied = tied_with_best(values, seed=seed, higher_is_better=measure.better == "higher")
        for name, numbers in values.items():
            interval = mean_interval(numbers, seed=seed)
            if interval.texts:
                summaries[name][key] = {
                    **{part: defined(number) for part, number in asdict(interval).items()},
                    "ties_with_best": None if tied is None else name in tied,
                }
    return summaries


def defined(number: float) -> float | None:
    """The number, or None for NaN, which JSON cannot say."""
    return None if math.isnan(number) else number
