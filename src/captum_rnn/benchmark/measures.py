"""What is measured of each method's scores, and on which texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.methods import Method
from captum_rnn.benchmark.methods.method import attempt
from captum_rnn.evaluation import (
    PerturbedPredictions,
    infidelity,
    leave_one_out,
    measure_rankings,
    rank_correlations,
    tail_mass,
)
from captum_rnn.evaluation.faithfulness.curves import DECISION_FLIP, DELETION_AREA, INSERTION_AREA
from captum_rnn.evaluation.faithfulness.erasure import COMPREHENSIVENESS, SUFFICIENCY
from captum_rnn.evaluation.faithfulness.infidelity import INFIDELITY
from captum_rnn.evaluation.measure import Measure
from captum_rnn.evaluation.sanity.randomisation import RANDOMISED
from captum_rnn.evaluation.sanity.sensitivity import SENSITIVITY
from captum_rnn.evaluation.sanity.tail_mass import LAST_FIFTH

Metric = Literal["deletion", "replacement", "infidelity", "sensitivity", "randomisation"]
METRICS: tuple[Metric, ...] = (
    "deletion",
    "replacement",
    "infidelity",
    "sensitivity",
    "randomisation",
)
"""What can be asked for. Deletion comes with leave-one-out, the correlations between methods and
the place of the scores in the text; the last two run each method again on some of the texts."""

CURVE_STEPS = 20
INFIDELITY_SAMPLES = 50


SPEARMAN_LEAVE_ONE_OUT = Measure(
    "spearman_leave_one_out",
    "Spearman with leave-one-out",
    "higher",
    "How far the scores order the words of a text as exact leave-one-out does, which removes "
    "one word at a time and runs the classifier again: 1 is the same order, 0 none. Scores "
    "without sign are compared with the size of its effects.",
)
SPEARMAN_REPLACEMENT = Measure(
    "spearman_replacement",
    "Spearman with replacement",
    "higher",
    "As Spearman with leave-one-out, where each word is replaced by the neutral word.",
)
COMPLETENESS_ERROR = Measure(
    "completeness_error",
    "completeness error",
    "lower",
    "How far the sum of the scores is from what the method promises, as a share of the larger "
    "one of that and the sum of the absolute scores.",
)
MEASURES = {
    measure.key: measure
    for measure in (
        COMPREHENSIVENESS,
        SUFFICIENCY,
        SPEARMAN_LEAVE_ONE_OUT,
        DELETION_AREA,
        INSERTION_AREA,
        DECISION_FLIP,
        replace(
            COMPREHENSIVENESS,
            key="comprehensiveness_replaced",
            heading="comprehensiveness, replaced",
            explanation="Comprehensiveness where a word is replaced by the neutral word, not "
            "removed.",
        ),
        replace(
            SUFFICIENCY,
            key="sufficiency_replaced",
            heading="sufficiency, replaced",
            explanation="Sufficiency where the other words are replaced by the neutral word, not "
            "removed.",
        ),
        SPEARMAN_REPLACEMENT,
        INFIDELITY,
        COMPLETENESS_ERROR,
        LAST_FIFTH,
        SENSITIVITY,
        *RANDOMISED,
    )
}
"""Every measure by its key, in the order of the tables."""
DIRECTIONS = {key: measure.better for key, measure in MEASURES.items()}
"""Which direction of each measure is better; None where neither is."""

ScoresOfTexts = Mapping[str, Tensor]
MeasuresOfTexts = dict[str, dict[str, list[float]]]


@dataclass(frozen=True)
class BatchMeasures:
    """What was measured of one batch of texts.

    Attributes:
        methods: Names of the methods.
        measures: Method name → measure key → one number for each text.
        curves: Method name → "deletion" or "insertion" → probabilities (texts, steps + 1).
    """

    methods: list[str]
    measures: MeasuresOfTexts
    curves: dict[str, dict[str, list[list[float]]]]


def measure_batch(
    dataset: Dataset,
    scores: ScoresOfTexts,
    methods: Sequence[Method],
    metrics: Sequence[str],
    seed: int,
) -> BatchMeasures:
    """Measures all methods on the same few texts; each perturbed text is predicted once.

    Args:
        dataset: The texts of the block alone.
        scores: Scores (texts, time) by method name.
        methods: The methods that have scores.
        metrics: What to measure; see `METRICS`.
        seed: Orders words of equal score and draws the removals of infidelity.

    Returns:
        The figures of each method; empty if all methods have failed.
    """
    if not methods:
        return BatchMeasures([], {}, {})
    measures: MeasuresOfTexts = {method.name: {} for method in methods}
    curves: dict[str, dict[str, list[list[float]]]] = {}
    removed = _perturbed(dataset, None)
    if "deletion" in metrics:
        rankings = measure_rankings(removed, dict(scores), steps=CURVE_STEPS, seed=seed)
        for name, ranking in rankings.items():
            measures[name] |= {
                "comprehensiveness": ranking.comprehensiveness.tolist(),
                "sufficiency": ranking.sufficiency.tolist(),
                "deletion_area": ranking.deletion_area.tolist(),
                "insertion_area": ranking.insertion_area.tolist(),
                "decision_flip": ranking.decision_flip.tolist(),
            }
            curves[name] = {
                "deletion": ranking.deletion_curve.tolist(),
                "insertion": ranking.insertion_curve.tolist(),
            }
        _agreement(
            dataset, scores, methods, leave_one_out(removed), measures, SPEARMAN_LEAVE_ONE_OUT
        )
    if "replacement" in metrics:
        replaced = _perturbed(dataset, dataset.model.neutral_id)
        for name, ranking in measure_rankings(replaced, dict(scores), steps=1, seed=seed).items():
            measures[name] |= {
                "comprehensiveness_replaced": ranking.comprehensiveness.tolist(),
                "sufficiency_replaced": ranking.sufficiency.tolist(),
            }
        _agreement(
            dataset, scores, methods, leave_one_out(replaced), measures, SPEARMAN_REPLACEMENT
        )
    for method in methods:
        of_method = scores[method.name]
        if "infidelity" in metrics:
            measures[method.name]["infidelity"] = infidelity(
                removed, of_method, dataset.predicted, seed=seed, samples=INFIDELITY_SAMPLES
            ).tolist()
        measures[method.name]["last_fifth"] = tail_mass(
            dataset.ids, of_method, share=0.2, pad_id=dataset.model.pad_id
        ).tolist()
    return BatchMeasures(list(scores), measures, curves)


def _perturbed(dataset: Dataset, replacement_id: int | None) -> PerturbedPredictions:
    return PerturbedPredictions(
        dataset.model.probabilities,
        dataset.ids,
        probabilities=dataset.probabilities,
        replacement_id=replacement_id,
        pad_id=dataset.model.pad_id,
    )


def _agreement(
    dataset: Dataset,
    scores: ScoresOfTexts,
    methods: Sequence[Method],
    effects: Tensor,
    measures: MeasuresOfTexts,
    measure: Measure,
) -> None:
    """Adds the rank correlation with exact effects, or with their size for unsigned scores."""
    for method in methods:
        compared = effects if method.signed else effects.abs()
        measures[method.name][measure.key] = rank_correlations(
            dataset.ids.cpu(), scores[method.name], compared, pad_id=dataset.model.pad_id
        ).tolist()


def completeness_error(method: Method, dataset: Dataset, scores: Tensor) -> Tensor:
    """How far the scores' sum is from what the method promises.

    Args:
        method: The method, fitted.
        dataset: The texts of a block alone.
        scores: Its scores (texts, time) of them, on the CPU.

    Returns:
        One number for each text (texts,); NaN where the method promises nothing.
    """
    answer, _ = attempt(lambda: method.total(dataset.model, dataset.ids, dataset.predicted))
    total: Tensor | None = answer
    if total is None:
        return torch.full((len(dataset.ids),), torch.nan)
    expected = total.cpu().double()
    scale = torch.maximum(expected.abs(), scores.double().abs().sum(dim=1))
    return (scores.double().sum(dim=1) - expected).abs() / scale
