"""The methods that a comparison on series runs: ours, Captum's, and rows that need no network."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from captum.attr import GradientShap, InputXGradient, IntegratedGradients, Saliency
from torch import Tensor

from captum_rnn.attr import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LocalDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
)
from captum_rnn.benchmark.series.explained import ExplainedSeries
from captum_rnn.evaluation.cells import cell_occlusion

Scores = Callable[[ExplainedSeries, torch.Generator], Tensor]

_POINTS, _SAMPLES, _SEGMENTS, _SEGMENT_SHARE = 50, 50, 10, 0.25


@dataclass(frozen=True)
class SeriesMethod:
    """A method on series.

    Attributes:
        name: Key on the command line and in results.
        label: Human-readable name.
        passes: What it costs, in words.
        scores: From the explained series, and a source of randomness, to scores (series, time,
            features).
        ours: Whether it is one of this package.
        signed: Whether scores can be negative.
    """

    name: str
    label: str
    passes: str
    scores: Scores
    ours: bool = False
    signed: bool = True


def _ours(kind: type, **options: object) -> Scores:
    """One of the classes of this package that compare with baselines."""

    def scores(series: ExplainedSeries, generator: torch.Generator) -> Tensor:
        method = kind(series.margin, series.layer, **options)
        found: Tensor = method.attribute(
            series.values, series.baseline, additional_forward_args=series.arguments
        )
        return found

    return scores


def _relevance(series: ExplainedSeries, generator: torch.Generator) -> Tensor:
    """Relevance of the series themselves; a baseline that is not zero moves them first."""
    method = RecurrentLRPAttribution(series.margin, series.layer)
    return method.attribute(series.values, additional_forward_args=series.arguments)


def _hidden_state(series: ExplainedSeries, generator: torch.Generator) -> Tensor:
    readout = "final" if series.targets is not None else "mean"
    method = HiddenStateDeltaAttribution(series.margin, series.layer, readout=readout)  # type: ignore[arg-type]
    return method.attribute(series.values, additional_forward_args=series.arguments)


def _shared(series: ExplainedSeries, generator: torch.Generator) -> Tensor:
    scores = _ours(RecurrentDeepLiftAttribution)(series, generator)
    return scores.mean(2, keepdim=True).expand_as(scores).contiguous()


def _integrated(points: int) -> Scores:
    def scores(series: ExplainedSeries, generator: torch.Generator) -> Tensor:
        found: Tensor = IntegratedGradients(series.margin).attribute(
            series.values,
            _baseline(series),
            additional_forward_args=series.arguments,
            n_steps=points,
            internal_batch_size=max(1024, len(series.values)),
        )
        return found

    return scores


def _saliency(series: ExplainedSeries, generator: torch.Generator) -> Tensor:
    found: Tensor = Saliency(series.margin).attribute(
        series.values, additional_forward_args=series.arguments
    )
    return found


def _input_x_gradient(series: ExplainedSeries, generator: torch.Generator) -> Tensor:
    found: Tensor = InputXGradient(series.margin).attribute(
        series.values, additional_forward_args=series.arguments
    )
    return found


def _gradient_shap(series: ExplainedSeries, generator: torch.Generator) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
        found: Tensor = GradientShap(series.margin).attribute(
            series.values,
            _baseline(series)[:1],
            n_samples=_SAMPLES,
            additional_forward_args=series.arguments,
        )
    return found


def _timing(series: ExplainedSeries, generator: torch.Generator) -> Tensor:
    """Integrated Gradients along ways on which random segments keep their values, averaged.

    Source: Jang et al. (2025), "TIMING: Temporality-Aware Integrated Gradients for Time Series
    Explanation", ICML, from the paper's description.
    """
    total = torch.zeros_like(series.values)
    moved = torch.zeros_like(total)
    difference = series.values - _baseline(series)
    time = series.values.shape[1]
    length = max(1, round(_SEGMENT_SHARE * time))
    for point in range(_POINTS):
        share = (point + 0.5) / _POINTS
        free = torch.ones_like(total)
        for _ in range(_SEGMENTS):
            start = torch.randint(
                1 - length, time, (len(total), 1, total.shape[2]), generator=generator
            )
            steps = torch.arange(time).view(1, -1, 1)
            hit = torch.rand(len(total), 1, total.shape[2], generator=generator) < 1 / _SEGMENTS
            free = free.masked_fill((steps >= start) & (steps < start + length) & hit, 0.0)
        at = (series.values - free * (1 - share) * difference).requires_grad_()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(series.margin(at, *series.arguments).sum(), at)
        total += free * gradient * difference
        moved += free
    return total / moved.clamp(min=1)


def _occlusion(series: ExplainedSeries, generator: torch.Generator) -> Tensor:
    rows = []
    for row in range(len(series.values)):
        one = series.rows(slice(row, row + 1))

        def predict(values: Tensor, one: ExplainedSeries = one) -> Tensor:
            return one.margin(values, *(given.expand(len(values)) for given in one.arguments))

        rows.append(cell_occlusion(predict, one.values, _baseline(one)))
    return torch.cat(rows)


def _magnitude(series: ExplainedSeries, generator: torch.Generator) -> Tensor:
    return (series.values - series.baseline).abs()


def _random(series: ExplainedSeries, generator: torch.Generator) -> Tensor:
    return torch.randn(series.values.shape, generator=generator)


def _baseline(series: ExplainedSeries) -> Tensor:
    return series.baseline.expand_as(series.values).contiguous()


SERIES_METHODS: tuple[SeriesMethod, ...] = (
    SeriesMethod(
        "deep_lift",
        "DeepLIFT of the layer",
        "2 + a reverse scan",
        _ours(RecurrentDeepLiftAttribution),
        ours=True,
    ),
    SeriesMethod("relevance", "relevance propagation", "1 + a reverse scan", _relevance, ours=True),
    SeriesMethod(
        "adjoint_delta",
        "adjoint delta, replaced",
        "1 + a reverse scan",
        _ours(AdjointDeltaAttribution),
        ours=True,
    ),
    SeriesMethod(
        "local_delta",
        "local delta",
        "1 + a parallel cell step",
        _ours(LocalDeltaAttribution),
        ours=True,
    ),
    SeriesMethod(
        "hidden_state_delta", "hidden-state delta, L2, shared", "1", _hidden_state, ours=True
    ),
    SeriesMethod("shared", "DeepLIFT, shared", "2 + a reverse scan", _shared, ours=True),
    SeriesMethod(
        "integrated_gradients",
        "Integrated Gradients, 50 points",
        "50 + 50 backward",
        _integrated(_POINTS),
    ),
    SeriesMethod(
        "integrated_gradients_midpoint",
        "Integrated Gradients, midpoint",
        "1 + 1 backward",
        _integrated(1),
    ),
    SeriesMethod("timing", "TIMING's path, 50 points", "50 + 50 backward", _timing),
    SeriesMethod("gradient_shap", "GradientShap, 50 samples", "50 + 50 backward", _gradient_shap),
    SeriesMethod("input_x_gradient", "Input × Gradient", "1 + 1 backward", _input_x_gradient),
    SeriesMethod("saliency", "Saliency", "1 + 1 backward", _saliency, signed=False),
    SeriesMethod("occlusion", "occlusion of each cell", "time · features", _occlusion),
    SeriesMethod("magnitude", "|x − baseline|, no network", "0", _magnitude, signed=False),
    SeriesMethod("random", "random", "0", _random),
)
"""In the order of the tables; the first ones are this package's."""
