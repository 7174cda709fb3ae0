"""DeepLIFT through several layers: shares that go on from each to what it read."""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor, nn

from captum_rnn.attr.compared_run import ComparedRun
from captum_rnn.attr.method import StepMethod, in_full_precision
from captum_rnn.attr.records import Record
from captum_rnn.attr.through import step_scores, token_scores
from captum_rnn.functional.baseline import BaselineRun
from captum_rnn.functional.cells import SECANT
from captum_rnn.functional.propagation import deep_lift, handed_on
from captum_rnn.functional.stack import Stack
from captum_rnn.states.graph import is_read
from captum_rnn.states.recording import ReadGradient
from captum_rnn.states.recovery import unstack

Totals: TypeAlias = Callable[[ComparedRun], Tensor]
"""What the scores of each row sum to (batch,)."""


@torch.no_grad()
def shares_through(run: ComparedRun, totals: Totals) -> list[Tensor]:
    """Scores of the tokens of each input, over their axes or in its shape.

    Args:
        run: The run, of several layers.
        totals: What the scores of each row sum to.

    Raises:
        ValueError: What stands between the layers is not linear between the inputs and the
            baselines, so that a part of the output's change would be lost.
    """
    shares, walked = _walked(run)
    scores = token_scores(shares, walked)
    size = run.sums([of_input.abs() for of_input in scores])
    lost = _lost(run, run.sums(scores), size, totals)
    if lost is None:
        return scores
    share = f"{lost:.1%} of the output's change would be lost on the way"
    raise ValueError(
        "what stands between the layers, before them or behind them is not linear between the "
        f"inputs and their baselines, so that {share}; use AdjointDeltaAttribution, or pass one "
        "layer alone"
    )


@torch.no_grad()
def step_shares(run: ComparedRun, totals: Totals) -> list[Tensor]:
    """Scores of the features that each layer read at its steps (rows, time, features).

    Args:
        run: The run, of several layers.
        totals: What those of the lowest layers sum to.

    Raises:
        ValueError: As `shares_through`.
    """
    shares, walked = _walked(run)
    records = [replace(record, of_features=True) for record in walked.records]
    scores = step_scores(shares, replace(walked, records=records))
    is_low = [not read for read in run.reads]
    lowest = [of.flatten(1) * low for of, low in zip(scores, is_low, strict=True)]
    sums, size = (
        run.add_up([of.sum(1) for of in parts]) for parts in (lowest, [of.abs() for of in lowest])
    )
    if _lost(run, sums, size, totals) is not None:
        shares_through(run, totals)  # unless what is read beside the lowest layers makes up for it
    return scores


def _walked(run: ComparedRun) -> tuple["_Shares", ComparedRun]:
    """The method, and a run whose records read nothing but of later layers."""
    compared, pairs = run.compared, {}
    records = []
    for record, pair in zip(run.records, compared.pairs, strict=True):
        pairs[id(record.call)] = pair
        nothing = ReadGradient(None, (None,) * len(record.call.final))
        records.append(replace(record, gradient=nothing))
    return _Shares(pairs), replace(run, records=records, reads_beside=compared.beside)


def _lost(run: ComparedRun, sums: Tensor, sizes: Tensor, totals: Totals) -> float | None:
    """The share of the output's change that scores do not sum to; None: what rounding explains."""
    assert run.value is not None
    size = sizes + run.value.abs()
    lost = (sums - totals(run)).abs()
    if bool((lost > run.rounding * (size + run.base_value.abs())).any()):
        return float((lost / size).max())
    return None


class _Shares(StepMethod):
    """Finite differences of each layer, for what the head and later layers read of it.

    Args:
        pairs: For each trajectory, by its call, its run with what the head reads of it, and the
            baseline's. The gradient of its record is what later layers read.
    """

    _passes_on: ClassVar[bool] = True
    _scores_inputs: ClassVar[bool] = True

    def __init__(self, pairs: dict[int, tuple[Stack, BaselineRun]]) -> None:
        self._pairs = pairs

    @in_full_precision
    def _score(self, layer: nn.Module, record: Record) -> Tensor:
        found = deep_lift(*self._read(layer, record))
        scores = found if record.of_features else found.sum(2)
        return record.path.without_padding(scores.transpose(0, 1))

    @in_full_precision
    def _handed_on(self, layer: nn.Module, record: Record) -> tuple[Tensor, tuple[Tensor, ...]]:
        stack, base = self._read(layer, record)
        inputs, initial = handed_on(stack, SECANT, base.steps)
        return inputs.transpose(0, 1), initial

    def _read(self, layer: nn.Module, record: Record) -> tuple[Stack, BaselineRun]:
        stack, base = self._pairs[id(record.call)]
        assert record.gradient is not None
        if not is_read(record.gradient):
            return stack, base
        return stack.with_reads_of(unstack(layer, record.call, record.gradient)), base
