"""The comparison of methods on series: measures of cells, intervals over the series, cost."""

import warnings
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor
from tqdm import tqdm

from captum_rnn.benchmark.cost import measure_cost, single_thread
from captum_rnn.benchmark.series.explained import ExplainedSeries
from captum_rnn.benchmark.series.methods import SERIES_METHODS, SeriesMethod
from captum_rnn.benchmark.series.results import MEASURES, SeriesMethodResult
from captum_rnn.benchmark.summary import summarise
from captum_rnn.evaluation.agreement.correlations import rank_correlation
from captum_rnn.evaluation.cells import (
    cell_average_precision,
    cumulative_difference,
    removal_effect,
)

_ROWS = 50


def compare_on_series(
    explained: ExplainedSeries,
    methods: Sequence[SeriesMethod] = SERIES_METHODS,
    *,
    seed: int = 0,
    show_progress: bool = False,
) -> tuple[dict[str, SeriesMethodResult], dict[str, Tensor]]:
    """Runs methods on the same series and measures their scores.

    A method that fails is a result with its error. Spearman's correlation is with the exact effect
    of replacing each cell, where "occlusion" is among the methods; a method without a sign is
    compared with the size of that effect.

    Args:
        explained: The network and its series.
        methods: The methods.
        seed: Seed of the methods that draw, and of the intervals.
        show_progress: Show a progress bar on standard error.

    Returns:
        Method name → measures with 95 % intervals over the series, and cost; and the scores
        themselves.
    """
    generator = torch.Generator().manual_seed(seed)
    found: dict[str, SeriesMethodResult] = {}
    scores: dict[str, Tensor] = {}
    with single_thread():
        for method in tqdm(methods, desc="methods", disable=not show_progress):
            result = SeriesMethodResult(
                name=method.name, label=method.label, passes=method.passes, ours=method.ours
            )
            found[method.name] = result
            try:
                scores[method.name], result.forwards = _scored(method, explained, generator)
            except (RuntimeError, TypeError, ValueError, AssertionError) as error:
                result.error = f"{type(error).__name__}: {error}".splitlines()[0]
        effects = scores.get("occlusion")
        for method in methods:
            if method.name in scores:
                measured = _measured(explained, scores[method.name], effects, method.signed)
                found[method.name].per_text = measured
    better = {key: measure.better for key, measure in MEASURES.items()}
    per_text = {name: result.per_text for name, result in found.items() if result.error is None}
    for name, means in summarise(per_text, better, seed=seed).items():
        found[name].measures = means
    return found, scores


def _scored(
    method: SeriesMethod, explained: ExplainedSeries, generator: torch.Generator
) -> tuple[Tensor, float]:
    """The scores of all series, and the cost of the first rows as a multiple of a forward pass."""
    first, *others = _in_parts(explained)

    def forward() -> Tensor:
        with torch.no_grad():
            return first.margin(first.values, *first.arguments)

    def scored(part: ExplainedSeries) -> Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of scores shared over features, of relevance lost
            return method.scores(part, generator).detach()

    scores, cost = measure_cost(lambda: scored(first), forward)
    if scores.shape != first.values.shape or not scores.isfinite().all():
        raise ValueError(
            f"{method.label} gave scores of shape {tuple(scores.shape)} for series of "
            f"{tuple(first.values.shape)}, or numbers that are not finite"
        )
    return torch.cat([scores, *map(scored, others)]), cost.forwards


def _in_parts(explained: ExplainedSeries) -> Iterator[ExplainedSeries]:
    for start in range(0, len(explained.values), _ROWS):
        yield explained.rows(slice(start, start + _ROWS))


def _measured(
    explained: ExplainedSeries, scores: Tensor, effects: Tensor | None, signed: bool
) -> dict[str, list[float]]:
    """Measure key → one number for each series."""
    values, present, baseline = explained.values, explained.present, explained.baseline

    def predict(changed: Tensor) -> Tensor:
        return explained.probability(changed, *explained.arguments)

    def margin(changed: Tensor) -> Tensor:
        return explained.margin(changed, *explained.arguments)

    measured = {
        "comprehensiveness": removal_effect(predict, values, scores, baseline, present),
        "comprehensiveness_carried": removal_effect(predict, values, scores, None, present),
        "sufficiency": removal_effect(predict, values, scores, baseline, present, keep=True),
        "sufficiency_carried": removal_effect(predict, values, scores, None, present, keep=True),
        "cumulative_difference": cumulative_difference(margin, values, scores, baseline, present),
        "cumulative_difference_carried": cumulative_difference(
            margin, values, scores, None, present
        ),
    }
    if explained.cells is not None:
        cells = explained.cells
        measured["auprc"] = cell_average_precision(scores, cells, present)
        if explained.targets is not None:  # of a sum of logits, cells speak for and against
            measured["signed_auprc"] = cell_average_precision(scores, cells, present, signed=True)
    found = {key: of_series.tolist() for key, of_series in measured.items()}
    if effects is not None:
        found["spearman_occlusion"] = list(
            _correlations(scores, effects if signed else effects.abs(), present)
        )
    return found


def _correlations(scores: Tensor, effects: Tensor, present: Tensor | None) -> Iterable[float]:
    for row in range(len(scores)):
        steps = slice(None) if present is None else present[row]
        yield rank_correlation(
            scores[row, steps].flatten().tolist(), effects[row, steps].flatten().tolist()
        )
