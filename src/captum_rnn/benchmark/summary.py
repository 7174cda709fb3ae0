"""From one number for each text to means with intervals, and ties with the best method."""

from collections.abc import Mapping, Sequence

import torch

from captum_rnn.benchmark.results import MeasuredMean
from captum_rnn.evaluation import mean_interval, tied_with_best
from captum_rnn.evaluation.measure import Direction

PerText = Mapping[str, Mapping[str, Sequence[float]]]


def summarise(
    per_text: PerText, better: Mapping[str, Direction | None], *, seed: int
) -> dict[str, dict[str, MeasuredMean]]:
    """Means, intervals and ties of each method.

    Args:
        per_text: Method name → measure key → one number for each text, NaN where it has none.
        better: Measure key → which direction is better, None where neither is; its order is that of
            the answer.
        seed: Seed of the bootstrap, which resamples the same texts for all methods.

    Returns:
        Method name → measure key → mean; a measure that no text has is not there.
    """
    means: dict[str, dict[str, MeasuredMean]] = {name: {} for name in per_text}
    for key, direction in better.items():
        values = {
            name: torch.tensor(measures[key], dtype=torch.float64)
            for name, measures in per_text.items()
            if key in measures
        }
        tied: tuple[str, ...] | None = None
        if direction is not None and values:
            tied = tied_with_best(values, seed=seed, higher_is_better=direction == "higher")
        for name, numbers in values.items():
            found = mean_interval(numbers, seed=seed)
            if found.texts:
                ties = None if tied is None else name in tied
                means[name][key] = MeasuredMean(**vars(found), tied_with_best=ties)
    return means
