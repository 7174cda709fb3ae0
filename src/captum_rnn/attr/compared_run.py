"""A run of the model beside its run on a baseline, by finite differences."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from captum_rnn.attr.records import Run
from captum_rnn.functional.baseline import BaselineRun, baseline_run
from captum_rnn.functional.cells import SECANT
from captum_rnn.functional.propagation import change_read
from captum_rnn.functional.stack import Stack
from captum_rnn.states.head import answered, head_values, mean_head_gradients, values_on
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.layers import form_of
from captum_rnn.states.recovery import unstack

_POINTS = 16
"""Points on the way from the baseline's states to the text's, where a head is not linear."""


@dataclass(frozen=True)
class ComparedRun(Run):
    """A run whose trajectories stand beside the same trajectories on the baseline."""

    @property
    def module(self) -> nn.Module:
        """The layer as the model calls it."""
        return self.modules[0]

    @cached_property
    def base_value(self) -> Tensor:
        """What the model makes of the baseline's states (batch,)."""
        if not self._is_joined:
            return head_values(self.module, self.forward, self._base_calls)
        form = form_of(self.records[0].layer)
        return values_on(
            self.module, self.forward, self.calls, self._base_reads, batch_first=form.batch_first
        )

    @cached_property
    def pairs(self) -> list[tuple[Stack, BaselineRun]]:
        """Each trajectory with what the head reads of it, and the baseline's.

        The head's derivatives, where they explain the change of the output as far as rounding lets
        tell; else their mean on the way from the baseline's states.
        """
        assert self.value is not None
        found = [change_read(stack, base) for stack, base in self._at_inputs]
        change, size = (self.add_up(list(parts)) for parts in zip(*found, strict=True))
        size = size + self.value.abs() + self.base_value.abs()
        rounding = max(record.call.rounding for record in self.records) ** 0.75
        remains = self.value - self.base_value - change
        if self._is_joined or bool((remains.abs() <= rounding * size).all()):
            return self._at_inputs
        means = mean_head_gradients(
            self.module, self.forward, self.calls, self._base_calls, _POINTS
        )
        with self.full_precision():
            return [
                (unstack(record.layer, record.call, gradient), base)
                for record, gradient, (_, base) in zip(
                    self.records, means, self._at_inputs, strict=True
                )
            ]

    @cached_property
    def _at_inputs(self) -> list[tuple[Stack, BaselineRun]]:
        """The same with the head's derivatives at the inputs."""
        pairs = []
        with self.full_precision():
            for record in self.records:
                stack = unstack(record.layer, record.call, record.gradient)
                base = record.baseline
                if base is None:
                    base = stack.inputs.new_zeros(1, 1, stack.inputs.shape[2])
                pairs.append((stack, baseline_run(stack, base, SECANT)))
        return pairs

    @property
    def _is_joined(self) -> bool:
        """Whether the layer ran several times on one trajectory."""
        return len(self.calls) > len(self.records)

    @cached_property
    def _base_calls(self) -> list[LayerCall]:
        """The calls as the layer would have answered them on the baseline."""
        batch_first = form_of(self.records[0].layer).batch_first
        return [
            answered(call, base, batch_first=batch_first)
            for call, (_, base) in zip(self.calls, self._at_inputs, strict=True)
        ]

    @property
    def _base_reads(self) -> Tensor:
        """What the layer reads of the baseline at each step (steps, features) of its calls."""
        _, base = self._at_inputs[0]
        last = max(int(record.numbers.max()) for record in self.records)
        reads = base.inputs.new_zeros(last + 1, base.inputs.shape[2])
        for record, (_, base) in zip(self.records, self._at_inputs, strict=True):
            is_step = record.numbers >= 0
            read = base.inputs.expand(-1, len(record.numbers), -1).transpose(0, 1)
            reads[record.numbers[is_step]] = read[is_step]
        return reads
