"""One method against others on the same texts."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from captum_rnn.benchmark.records import to_json
from captum_rnn.benchmark.results import MethodScores
from captum_rnn.evaluation import paired_difference

RIVAL, FLOOR = "integrated-gradients", "random"


def against(
    methods: Mapping[str, MethodScores],
    name: str,
    measures: Sequence[str],
    seed: int,
    rival: str = RIVAL,
) -> dict[str, dict[str, Any]]:
    """The paired difference from another method by measure, where both have figures.

    Args:
        methods: What was found of each method.
        name: The method.
        measures: Keys of the measures.
        seed: Seed of the bootstrap.
        rival: The other method.
    """
    differences = {}
    for measure in measures:
        both = [methods[m].per_text.get(measure) for m in (name, rival) if m in methods]
        values = [torch.tensor(v, dtype=torch.float64) for v in both if v is not None]
        if len(values) == 2:
            differences[measure] = to_json(paired_difference(*values, seed=seed))
    return differences


def share_of_way(
    methods: Mapping[str, MethodScores],
    name: str,
    measure: str = "comprehensiveness",
    end: str = RIVAL,
) -> float | None:
    """How far a method comes on the way from random scores to another method, by their means.

    Args:
        methods: What was found of each method.
        name: The method.
        measure: Key of the measure.
        end: Where the way ends: at 1.

    Returns:
        None where one of the three has no figure, or the way has no length.
    """
    means = [
        methods[m].measures[measure].mean
        for m in (name, end, FLOOR)
        if m in methods and measure in methods[m].measures
    ]
    if len(means) < 3:
        return None
    of_method, of_end, of_floor = means
    if of_end == of_floor:
        return None
    return (of_method - of_floor) / (of_end - of_floor) + 0.0  # no negative zero
