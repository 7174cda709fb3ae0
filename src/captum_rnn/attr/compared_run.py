"""A run of the model beside its run on a baseline, by finite differences."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from captum_rnn.attr.baselines import owners_of
from captum_rnn.attr.records import Run
from captum_rnn.functional.baseline import BaselineRun, baseline_run
from captum_rnn.functional.cells import SECANT
from captum_rnn.functional.propagation import change_read, handed_on, shared_out
from captum_rnn.functional.stack import Stack
from captum_rnn.states.graph import Weighted
from captum_rnn.states.head import (
    Way,
    answered,
    answered_parts,
    head_values,
    mean_head_gradients,
    values_on,
)
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.layers import form_of
from captum_rnn.states.recovery import unstack

_POINTS = 16
"""Points on the way from the baseline's states to the text's, where a head is not linear."""


class Compared(NamedTuple):
    """What the head reads, of two runs."""

    pairs: list[tuple[Stack, BaselineRun]]
    """Each trajectory with what the head reads of it, and the baseline's."""
    beside: list[Tensor | None]
    """What it reads at each entry of the graph."""


@dataclass(frozen=True)
class ComparedRun(Run):
    """A run whose trajectories stand beside the same trajectories on the baseline.

    Attributes:
        begins_anew: Whether the baseline's trajectories begin with its own initial states.
    """

    begins_anew: bool = False

    @property
    def module(self) -> nn.Module:
        """The layer as the model calls it."""
        return self.modules[0]

    @cached_property
    def base_value(self) -> Tensor:
        """What the model makes of the baseline (batch,).

        Without baselines, that of the layer's zeros, where all that is read beside it stays.
        """
        if len(self.modules) > 1:  # the upper layers' steps depend on the lower ones'
            with torch.no_grad():
                return self._on_base().reshape(-1)
        if not self._is_joined:
            return head_values(self.module, self._on_base, self._base_calls)
        form = form_of(self.records[0].layer)
        return values_on(
            self.module, self._on_base, self.calls, self._base_reads, batch_first=form.batch_first
        )

    @cached_property
    def compared(self) -> Compared:
        """What the head reads, as far as rounding lets tell, such that nothing is lost.

        The head's derivatives, where they explain the change of the output; else their mean on the
        way from the baseline's states, and from what it reads of the baseline beside them.
        """
        assert self.value is not None
        found = [change_read(stack, base) for stack, base in self._at_inputs]
        change, size = (self.add_up(list(parts)) for parts in zip(*found, strict=True))
        if self.has_beside and self.baselines is not None:
            change = change + self.sums(self.beside()).to(change)
        size = size + self.value.abs() + self.base_value.abs()
        remains = self.value - self.base_value - change
        if bool((remains.abs() <= self.rounding * size).all()):
            return Compared(self._at_inputs, self.reads_beside)
        called = [self.modules[index] for index in owners_of(self)]
        means, inputs = mean_head_gradients(
            called, self._way, self.calls, self._base_calls, _POINTS
        )
        gradients = [trajectory.read(means) for trajectory in self.joined]
        with self.full_precision():
            pairs = [
                (unstack(record.layer, record.call, gradient), base)
                for record, gradient, (_, base) in zip(
                    self.records, gradients, self._at_inputs, strict=True
                )
            ]
        beside = self._of_entries(inputs) if inputs else self.reads_beside
        return Compared(self._exact(pairs, beside), beside)

    def _exact(
        self, pairs: list[tuple[Stack, BaselineRun]], beside: list[Tensor | None]
    ) -> list[tuple[Stack, BaselineRun]]:
        """The same with what kinks of the head leave over at some points of the way.

        It is shared out by the size of what each state's difference comes to.
        """
        assert self.value is not None
        found = [change_read(stack, base) for stack, base in pairs]
        change, size = (self.add_up(list(parts)) for parts in zip(*found, strict=True))
        if self.has_beside and self.baselines is not None:
            change = change + self.sums(replace(self, reads_beside=beside).beside()).to(change)
        remains = (self.value - self.base_value).to(change) - change
        share = torch.where(size > 0, remains / size, 0.0)
        return [
            (shared_out(stack, base, share[record.rows]), base)
            for record, (stack, base) in zip(self.records, pairs, strict=True)
        ]

    def handed_on(self, scores: Sequence[Tensor]) -> list[Weighted]:
        """What goes on through what stands before the layer, to the inputs.

        Args:
            scores: Those of what each trajectory read (rows, time, features).

        Raises:
            ValueError: It is not linear between the inputs and the baselines, so that a part of the
                output's change would be lost.
        """
        assert self.graph is not None
        weighted, expected = [], []
        for index in sorted(self.mixed | self.begun):
            stack, base = self.compared.pairs[index]
            multipliers = handed_on(stack, SECANT, base.steps)
            is_mixed, begins = index in self.mixed, index in self.begun
            of_steps = self.records[index].path.without_padding(multipliers.inputs.transpose(0, 1))
            weighted.append(
                self.graph.handed_on(
                    self.joined[index],
                    of_steps if is_mixed else None,
                    multipliers.initial if begins else None,
                )
            )
            terms = [scores[index].flatten(1)] if is_mixed else []
            if begins:
                terms += _first_terms(stack, base, multipliers.initial)
            expected.append((index, torch.cat(terms, 1)))
        if weighted:
            self._check_linear(weighted, expected)
        return weighted

    def _check_linear(self, weighted: list[Weighted], expected: list[tuple[int, Tensor]]) -> None:
        assert self.value is not None
        alone = replace(self, reads_beside=[None] * len(self.reads_beside))
        handed = alone.sums(alone.beside(weighted))
        change, size = torch.zeros_like(handed), torch.zeros_like(handed)
        for index, terms in expected:
            rows = self.records[index].rows
            change.index_add_(0, rows, terms.sum(1).to(change))
            size.index_add_(0, rows, terms.abs().sum(1).to(size))
        size += self.value.abs() + self.base_value.abs()
        if bool(((handed - change).abs() > self.rounding * size).any()):
            raise ValueError(
                f"what stands before {type(self.records[0].layer).__name__}, or makes its initial "
                "state, is not linear between the inputs and their baselines, so that a part of "
                "the output's change would be lost on the way; use AdjointDeltaAttribution, or "
                "pass attribute_to_layer_input=True for scores of the steps themselves"
            )

    @property
    def rounding(self) -> float:
        """How much of what it adds up rounding may explain."""
        return float(max(record.call.rounding for record in self.records) ** 0.75)

    @cached_property
    def _at_inputs(self) -> list[tuple[Stack, BaselineRun]]:
        """Each trajectory with the head's derivatives at the inputs, and the baseline's."""
        pairs = []
        with self.full_precision():
            for index, record in enumerate(self.records):
                stack = unstack(record.layer, record.call, record.gradient)
                base, first = record.baseline, None
                if base is None:
                    base = stack.inputs.new_zeros(1, 1, stack.inputs.shape[2])
                if self.begins_anew and (index in self.begun or self.depends[index]):
                    first = record.first_baseline
                pairs.append((stack, baseline_run(stack, base, SECANT, first)))
        return pairs

    def _on_base(self) -> Tensor:
        """The explained values of the baselines (batch,)."""
        if self.baselines is None:
            values: Tensor = self.forward()
            return values
        with self.reads_baselines() as following:
            values = self.forward.on(following.inputs)()
            return values

    def _way(self, share: float) -> Way:
        """The model at a share of the way from the baselines to the inputs."""
        assert self.graph is not None
        of_ids = [
            read
            for entry, read in zip(self.graph.entries, self.reads_beside, strict=True)
            if entry.of_input is None and read is not None and read.any()
        ]
        if self.baselines is None or not self.has_beside or of_ids:
            return Way(self.forward, [])
        inputs = tuple(
            torch.lerp(base, tensor.detach(), share).requires_grad_()
            if tensor.is_floating_point()
            else tensor
            for tensor, base in zip(self.inputs, self.baselines, strict=True)
        )
        leaves = [tensor for tensor in inputs if tensor.is_floating_point()]
        return Way(self.forward.on(inputs), leaves)

    def _of_entries(self, gradients: Sequence[Tensor]) -> list[Tensor | None]:
        """Derivatives with respect to the float inputs, for each entry of the graph."""
        assert self.graph is not None
        floats = [n for n, tensor in enumerate(self.inputs) if tensor.is_floating_point()]
        found: dict[int | None, Tensor] = dict(zip(floats, gradients, strict=True))
        return [found.get(entry.of_input) for entry in self.graph.entries]

    @property
    def _is_joined(self) -> bool:
        """Whether the layer ran several times on one trajectory, or is a cell, which is to."""
        is_cell = any(isinstance(module, nn.RNNCellBase) for module in self.modules)
        return is_cell or len(self.calls) > len(self.records)

    @cached_property
    def _base_calls(self) -> list[LayerCall]:
        """The calls as the layer would have answered them on the baseline."""
        found: dict[int, LayerCall] = {}
        for trajectory, record, (_, base) in zip(
            self.joined, self.records, self._at_inputs, strict=True
        ):
            members, batch_first = trajectory.members, form_of(record.layer).batch_first
            if len(members) == 1:
                found[members[0]] = answered(record.call, base, batch_first=batch_first)
                continue
            own = [self.calls[number] for number in members]
            parts = answered_parts(own, trajectory.orders, base, batch_first=batch_first)
            found.update(zip(members, parts, strict=True))
        return [found[number] for number in sorted(found)]

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


def _first_terms(stack: Stack, base: BaselineRun, initial: Sequence[Tensor]) -> list[Tensor]:
    """What the difference of each initial state comes to (rows, terms)."""
    states = [run.states[0] for layer in base.layers for run in layer]
    cells = [run.cells[0] for layer in base.layers for run in layer if run.cells is not None]
    passes = [passed for layer in stack.layers for passed in layer]
    terms = [
        (passed.states[0] - state) * multiplier
        for passed, state, multiplier in zip(passes, states, initial[0], strict=True)
    ]
    own = [passed.initial_cell for passed in passes if passed.initial_cell is not None]
    if cells:
        terms += [
            (mine - cell) * multiplier
            for mine, cell, multiplier in zip(own, cells, initial[1], strict=True)
        ]
    return terms
