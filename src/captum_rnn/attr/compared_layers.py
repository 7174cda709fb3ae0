"""DeepLIFT through several layers: shares that go on from each to what it read."""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from captum_rnn.attr.compared_run import ComparedRun
from captum_rnn.attr.method import StepMethod, in_full_precision
from captum_rnn.attr.records import Record
from captum_rnn.attr.through import token_scores
from captum_rnn.functional.baseline import BaselineRun
from captum_rnn.functional.cells import SECANT
from captum_rnn.functional.propagation import deep_lift, handed_on
from captum_rnn.functional.stack import Stack
from captum_rnn.states.graph import is_read
from captum_rnn.states.recording import ReadGradient
from captum_rnn.states.recovery import unstack


@torch.no_grad()
def shares_through(run: ComparedRun, totals: Callable[[ComparedRun], Tensor]) -> list[Tensor]:
    """Scores of the tokens of each input, over their axes or in its shape.

    Args:
        run: The run, of several layers.
        totals: What the scores of each row sum to (batch,).

    Raises:
        ValueError: What stands between the layers is not linear between the inputs and the
            baselines, so that a part of the output's change would be lost.
    """
    compared, pairs = run.compared, {}
    records = []
    for record, pair in zip(run.records, compared.pairs, strict=True):
        pairs[id(record.call)] = pair
        nothing = ReadGradient(None, (None,) * len(record.call.final))
        records.append(replace(record, gradient=nothing))
    walked = replace(run, records=records, reads_beside=compared.beside)
    scores = token_scores(_Shares(pairs), walked)
    assert run.value is not None
    size = run.sums([of_input.abs() for of_input in scores]) + run.value.abs()
    lost = (run.sums(scores) - totals(run)).abs()
    if bool((lost > run.rounding * (size + run.base_value.abs())).any()):
        raise ValueError(
            "what stands between the layers, before them or behind them is not linear between the "
            f"inputs and their baselines, so that {float((lost / size).max()):.1%} of the output's "
            "change would be lost on the way; use AdjointDeltaAttribution, or pass one layer alone"
        )
    return scores


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
