"""Every stacked layer and direction of a recurrent module in one call, as plain data."""

from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Any

import torch
from torch import Tensor

from captum_rnn.functional.cells import TANGENT, Rule
from captum_rnn.functional.cells.cell import Cell
from captum_rnn.functional.path import StatePath
from captum_rnn.functional.proof import Proof


@dataclass(frozen=True)
class LayerPass:
    """One direction of one stacked layer: its cell, and what it read and became.

    All tensors are time-first, in the order of reading, in float32 at least.

    Attributes:
        cell: The cell with its weights.
        inputs: (time, batch, features).
        states: (time + 1, batch, state), the initial one first.
        initial_cell: (batch, hidden) of an LSTM; None: zeros.
        read: Derivative of the explained value with respect to what the classifier reads of each
            state (time, batch, state); zeros where it reads nothing.
        read_cells: The same for an LSTM's cell states (time, batch, hidden), or None.
        proof: What the recomputed states are compared with.
        final_cell: The cell states (batch, hidden) that an LSTM returned; None for the other kinds.
    """

    cell: Cell[Any]
    inputs: Tensor
    states: Tensor
    initial_cell: Tensor | None
    read: Tensor
    read_cells: Tensor | None
    proof: Proof
    final_cell: Tensor | None = None

    @cached_property
    def steps(self) -> Any:
        """What the cell recomputes of each step: gates and cell states.

        Raises:
            StepsDifferError: The recomputed steps make other states than the recorded ones.
        """
        return self.steps_for(TANGENT)

    def steps_for(self, rule: Rule) -> Any:
        """The same as far as a rule looks at it."""
        steps = self.cell.steps(self.inputs, self.states, self.initial_cell, rule)
        made = self.cell.made(steps)
        if made is not None:
            self.proof.check(made, self.states)
        elif self.final_cell is not None:
            self.proof.check_end(self.at_end(steps.cells), self.final_cell)
        return steps

    def with_reads_of(self, other: "LayerPass") -> "LayerPass":
        """The same pass, with what is read of its states here and in another one together."""
        cells = [read for read in (self.read_cells, other.read_cells) if read is not None]
        of_cells = reduce(torch.add, cells) if cells else None
        return replace(self, read=self.read + other.read, read_cells=of_cells)

    def at_end(self, states: Tensor) -> Tensor:
        """The last of the states (time + 1, batch, width) of each row (batch, width)."""
        if self.proof.ends is None:
            return states[-1]
        return states[self.proof.ends, torch.arange(states.shape[1], device=states.device)]

    def prove(self) -> None:
        """Recomputes all steps; raises StepsDifferError if they make other states."""
        if self.cell.made(self.steps) is None:
            made, _ = self.cell.after(self.inputs, self.states[:-1], None)
            self.proof.check(made, self.states)


@dataclass(frozen=True)
class Stack:
    """All stacked layers of a recurrent module in one call.

    Attributes:
        layers: For each layer, from the lowest, the passes of its directions.
        ends: Number of steps of each row (batch,) of a packed sequence; None: all rows are full.
    """

    layers: list[list[LayerPass]]
    ends: Tensor | None

    @property
    def inputs(self) -> Tensor:
        """What the lowest layer reads (time, batch, features), in the order of the text."""
        return self.layers[0][0].inputs

    @property
    def knows_slopes(self) -> bool:
        """Whether it is known what happens inside the steps."""
        return all(passed.cell.has_slopes for layer in self.layers for passed in layer)

    def with_reads_of(self, other: "Stack") -> "Stack":
        """The same run, with what is read of its states here and in another stack together."""
        layers = [
            [one.with_reads_of(more) for one, more in zip(*of_layer, strict=True)]
            for of_layer in zip(self.layers, other.layers, strict=True)
        ]
        return replace(self, layers=layers)

    def path(self, layer_index: int, direction: int, *, cells: bool = False) -> StatePath:
        """The states that one direction of one layer passes through, in the order of the text.

        Args:
            layer_index: The stacked layer, 0 the lowest, negative from the top.
            direction: 0 forward or 1 backward.
            cells: The cell states of an LSTM instead of its hidden states.
        """
        passed = self.layers[layer_index][direction]
        states = passed.steps.cells if cells else passed.states
        outputs = self.reorder(states[1:], direction).transpose(0, 1)
        return StatePath(states[0].unsqueeze(1), outputs, direction == 1, self.ends)

    def as_given(self, initial: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Values of initial states (number, batch, state) in the layout in which they are given."""
        return initial

    def shown(self, states: Tensor) -> Tensor:
        """What the module outputs of the states of its top layer (..., state)."""
        return states

    def of_shown(self, derivatives: Tensor) -> Tensor:
        """Derivatives with respect to that, of those with respect to the states (..., state)."""
        return derivatives

    def reorder(self, steps: Tensor, direction: int) -> Tensor:
        """From the order of the text to a direction's order of reading, or back.

        Args:
            steps: (time, batch, ...).
            direction: 0 forward, which changes nothing, or 1 backward.
        """
        return steps if direction == 0 else reverse_rows(steps, self.ends)

    def stepped_with(self, reference: Tensor) -> list[list[tuple[Tensor, Tensor | None]]]:
        """States that reference inputs would have made of each previous state.

        All steps of a layer are one application of its cell; the layers above read what the
        references made of the layers below.

        Args:
            reference: What stands instead of the input of each step, (time, batch, features) in
                the order of the text, or with 1 for the time or the batch.

        Returns:
            For each layer and direction, states (time, batch, state) and cell states of an LSTM,
            in the order of reading.
        """
        bottom, *above = self.layers
        reference = reference.to(bottom[0].inputs)
        made = [
            [
                passed.cell.instead(
                    self._reordered_reference(reference, direction),
                    passed.inputs,
                    passed.states,
                    passed.initial_cell,
                )
                for direction, passed in enumerate(bottom)
            ]
        ]
        for layer in above:
            below = [self.reorder(states, d) for d, (states, _) in enumerate(made[-1])]
            inputs = torch.cat(below, -1)
            layer_made = []
            for direction, passed in enumerate(layer):
                cells = passed.steps.cells[:-1] if passed.initial_cell is not None else None
                read = self.reorder(inputs, direction)
                layer_made.append(passed.cell.after(read, passed.states[:-1], cells))
            made.append(layer_made)
        return made

    def _reordered_reference(self, reference: Tensor, direction: int) -> Tensor:
        """References that differ between steps, in a direction's order of reading."""
        if len(reference) == 1:
            return reference
        batch = self.inputs.shape[1]
        return self.reorder(reference.expand(-1, batch, -1), direction)


def reverse_rows(steps: Tensor, ends: Tensor | None) -> Tensor:
    """Each row's own steps in reverse order; what lies beyond its end stays there."""
    if ends is None:
        return steps.flip(0)
    time = torch.arange(len(steps), device=steps.device).unsqueeze(1)
    mirrored = torch.where(time < ends, ends - 1 - time, time)
    rows = torch.arange(steps.shape[1], device=steps.device)
    return steps[mirrored, rows]
