"""What is measured of each method's scores, and on which texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.methods import Method
from captum_rnn.benchmark.methods.method import attempt
from captum_rnn.evaluation import (
    PerturbedPredictions,
    infidelity_of,
    leave_one_out_of,
    measure_rankings,
    rank_correlation_matrices,
    rank_correlations,
    tail_mass,
)

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


@dataclass(frozen=True)
class Measure:
    """One number for each text.

    Attributes:
        key: Where it stands in results.
        heading: Its name.
        better: Which direction is better; None where neither is.
        explanation: What it says, in one or two sentences.
    """

    key: str
    heading: str
    better: Literal["higher", "lower"] | None
    explanation: str


_ALL = (
    Measure(
        "comprehensiveness",
        "comprehensiveness",
        "higher",
        "How much probability the predicted class loses when the words with the highest scores are "
        "removed: the mean over removing 1, 5, 10, 20 and 50 % of the words.",
    ),
    Measure(
        "sufficiency",
        "sufficiency",
        "lower",
        "How much probability it loses when those words alone are left.",
    ),
    Measure(
        "spearman_leave_one_out",
        "Spearman with leave-one-out",
        "higher",
        "How far the scores order the words of a text as exact leave-one-out does, which removes "
        "one word at a time and runs the classifier anew: 1 is the same order, 0 none. Scores "
        "without sign are held against the size of its effects.",
    ),
    Measure(
        "deletion_area",
        "deletion area",
        "lower",
        "Mean probability of the predicted class while the words are removed, the highest scores "
        "first, until none is left.",
    ),
    Measure(
        "insertion_area",
        "insertion area",
        "higher",
        "The same while the words are put into an empty text, the highest scores first.",
    ),
    Measure(
        "decision_flip",
        "words until the class flips",
        "lower",
        "Smallest share of the words to remove, the highest scores first, until another class is "
        "predicted; 1 where none is.",
    ),
    Measure(
        "comprehensiveness_replaced",
        "comprehensiveness, replaced",
        "higher",
        "Comprehensiveness where a word is replaced by the neutral word, not removed.",
    ),
    Measure(
        "sufficiency_replaced",
        "sufficiency, replaced",
        "lower",
        "Sufficiency where the other words are replaced by the neutral word, not removed.",
    ),
    Measure(
        "spearman_replacement",
        "Spearman with replacement",
        "higher",
        "As Spearman with leave-one-out, where each word is replaced by the neutral word.",
    ),
    Measure(
        "infidelity",
        "infidelity",
        "lower",
        "Squared difference between what the scores say random removals cost and what they do "
        "cost, after the scores are scaled at their best (Yeh et al. 2019, by Captum).",
    ),
    Measure(
        "completeness_error",
        "completeness error",
        "lower",
        "How far the sum of the scores is from what the method promises, as a share of the larger "
        "one of that and the sum of the absolute scores.",
    ),
    Measure(
        "last_fifth",
        "score on the last fifth",
        None,
        "Share of the absolute score that lies on the last 20 % of the words.",
    ),
    Measure(
        "sensitivity",
        "sensitivity",
        "lower",
        "Largest relative change of the scores when one word is swapped (Yeh et al. 2019, by "
        "Captum), on some of the texts.",
    ),
    Measure(
        "randomised_head",
        "rank correlation, head random",
        None,
        "Rank correlation with the scores of the same classifier, its head drawn anew (Adebayo et "
        "al. 2018). A method that explains the class must change.",
    ),
    Measure(
        "randomised_layer",
        "rank correlation, head and layer random",
        None,
        "The same with all weights from the head down to the recurrent layer drawn anew.",
    ),
    Measure(
        "randomised_all",
        "rank correlation, all random",
        None,
        "The same with all weights drawn anew, down to the word vectors: what is left owes nothing "
        "to what the classifier has learnt.",
    ),
)
MEASURES = {measure.key: measure for measure in _ALL}
"""Every measure by its key, in the order of the tables."""


def directions() -> dict[str, Literal["higher", "lower"] | None]:
    """Which direction of each measure is better; None where neither is."""
    return {key: measure.better for key, measure in MEASURES.items()}


ScoresOfTexts = Mapping[str, Tensor]
MeasuresOfTexts = dict[str, dict[str, list[float]]]


@dataclass(frozen=True)
class BatchMeasures:
    """What was measured of one batch of texts.

    Attributes:
        methods: Names of the methods.
        measures: Method name → measure key → one number for each text.
        curves: Method name → "deletion" or "insertion" → probabilities (texts, steps + 1).
        correlations: Rank correlations (texts, methods, methods) between the methods.
    """

    methods: list[str]
    measures: MeasuresOfTexts
    curves: dict[str, dict[str, list[list[float]]]]
    correlations: list[list[list[float]]]


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
        return BatchMeasures([], {}, {}, [])
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
        _agreement(dataset, scores, methods, leave_one_out_of(removed), measures, "leave_one_out")
    if "replacement" in metrics:
        replaced = _perturbed(dataset, dataset.model.neutral_id)
        for name, ranking in measure_rankings(replaced, dict(scores), steps=1, seed=seed).items():
            measures[name] |= {
                "comprehensiveness_replaced": ranking.comprehensiveness.tolist(),
                "sufficiency_replaced": ranking.sufficiency.tolist(),
            }
        _agreement(dataset, scores, methods, leave_one_out_of(replaced), measures, "replacement")
    for method in methods:
        of_method = scores[method.name]
        if "infidelity" in metrics:
            measures[method.name]["infidelity"] = infidelity_of(
                removed, of_method, dataset.predicted, seed=seed, samples=INFIDELITY_SAMPLES
            ).tolist()
        measures[method.name] |= {
            "completeness_error": _completeness_error(method, dataset, of_method).tolist(),
            "last_fifth": tail_mass(
                dataset.ids, of_method, share=0.2, pad_id=dataset.model.pad_id
            ).tolist(),
        }
    correlations = rank_correlation_matrices(dataset.ids, dict(scores), pad_id=dataset.model.pad_id)
    return BatchMeasures(list(scores), measures, curves, correlations.tolist())


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
    name: str,
) -> None:
    """Adds the rank correlation with exact effects, or with their size for unsigned scores."""
    for method in methods:
        compared = effects if method.signed else effects.abs()
        measures[method.name][f"spearman_{name}"] = rank_correlations(
            dataset.ids.cpu(), scores[method.name], compared, pad_id=dataset.model.pad_id
        ).tolist()


def _completeness_error(method: Method, dataset: Dataset, scores: Tensor) -> Tensor:
    """How far the scores' sum is from the method's total (texts,); NaN where it has none."""
    answer, _ = attempt(lambda: method.total(dataset.model, dataset.ids, dataset.predicted))
    total: Tensor | None = answer
    if total is None:
        return torch.full((len(dataset.ids),), torch.nan)
    expected = total.cpu().double()
    scale = torch.maximum(expected.abs(), scores.double().abs().sum(dim=1))
    return (scores.double().sum(dim=1) - expected).abs() / scale
