"""The run of a recurrent layer over a baseline, beside the run that was recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from captum_rnn.functional.cells import Rule
from captum_rnn.functional.stack import Stack, reverse_rows


class DirectionRun(NamedTuple):
    """What one direction of one layer became (time + 1, rows, width), in its order of reading."""

    states: Tensor
    cells: Tensor | None
    steps: Any
    """What the cell recomputed for a rule."""


@dataclass(frozen=True)
class BaselineRun:
    """A run over a baseline; of one row where that says it all.

    Attributes:
        inputs: What the lowest layer reads (time, rows, features), in the order of the text.
        layers: What the directions of each layer became.
        ends: Number of steps of each row (batch,) of the text; None: all rows are full.
    """

    inputs: Tensor
    layers: list[list[DirectionRun]]
    ends: Tensor | None

    @property
    def steps(self) -> list[list[Any]]:
        """What the cells recomputed, for `captum_rnn.functional.propagation.walk_back`."""
        return [[run.steps for run in layer] for layer in self.layers]

    def outputs(self) -> Tensor:
        """The top layer's states after each step (time, rows, direction · state), in text order."""
        runs = self.layers[-1]
        if self.ends is not None:
            runs = [run._replace(states=run.states.expand(-1, len(self.ends), -1)) for run in runs]
        return _outputs(runs, self.ends)

    def paths(self) -> list[list[Tensor]]:
        """The states of all layers and directions (time + 1, rows, width), and their cells."""
        runs = [run for layer in self.layers for run in layer]
        cells = [run.cells for run in runs if run.cells is not None]
        states = [run.states for run in runs]
        return [states, cells] if cells else [states]

    def final(self, *, cells: bool = False) -> Tensor:
        """The last states, or cell states, of all layers and directions (number, rows, width)."""
        last = []
        for run in (run for layer in self.layers for run in layer):
            path = run.cells if cells else run.states
            assert path is not None
            if self.ends is None:
                last.append(path[-1])
            else:
                rows = torch.arange(len(self.ends), device=path.device)
                last.append(path.expand(-1, len(rows), -1)[self.ends, rows])
        return torch.stack(last)


def baseline_run(
    stack: Stack, inputs: Tensor, rule: Rule, first: Sequence[Tensor] | None = None
) -> BaselineRun:
    """Runs the cells of a stack over other inputs, once for all rows where they do not differ.

    Args:
        stack: The recorded run.
        inputs: (time or 1, batch or 1, features), in the order of the text.
        rule: The rule that will compare the two runs.
        first: The states (number, batch, state) that it begins with, of all layers and directions,
            and of an LSTM the cell states; None: those of the recorded run.
    """
    bottom = stack.layers[0][0].inputs
    constant = inputs.shape[0] == 1
    inputs = inputs.to(bottom).expand(len(bottom), -1, -1)
    ends, starts = stack.ends, _starts(stack, first)
    if inputs.shape[1] == 1 and _rows_are_alike(stack, starts, constant=constant):
        ends = None
    else:
        inputs = inputs.expand(-1, bottom.shape[1], -1)
    read, layers = inputs, []
    for layer in stack.layers:
        runs = []
        for direction, passed in enumerate(layer):
            passed.cell.slot_weights(rule)  # before it runs: a cell without gates refuses
            tokens = read if direction == 0 else reverse_rows(read, ends)
            state, cell = starts.pop(0)
            state = state[: read.shape[1]]
            cell = None if cell is None else cell[: read.shape[1]]
            states = passed.cell.walk(tokens, state, cell)
            steps = passed.cell.steps(tokens, states, cell, rule)
            runs.append(DirectionRun(states, None if cell is None else steps.cells, steps))
        layers.append(runs)
        read = _outputs(runs, ends)
    return BaselineRun(inputs, layers, stack.ends)


def _starts(stack: Stack, first: Sequence[Tensor] | None) -> list[tuple[Tensor, Tensor | None]]:
    """The state, and the cell state of an LSTM, that each layer and direction begins with."""
    passes = [passed for layer in stack.layers for passed in layer]
    if first is None:
        return [(passed.states[0], passed.initial_cell) for passed in passes]
    states, *cells = (state.to(stack.inputs) for state in first)
    return [(state, cells[0][index] if cells else None) for index, state in enumerate(states)]


def _rows_are_alike(
    stack: Stack, starts: list[tuple[Tensor, Tensor | None]], *, constant: bool
) -> bool:
    """Whether the run over one baseline is the same for all rows, but for where it ends.

    A direction that reads from the end of its row comes upon the same tokens as in another row only
    if all tokens are the same, and meets the other direction elsewhere.
    """
    bottom = stack.layers[0]
    if stack.ends is not None and len(bottom) > 1 and not (constant and len(stack.layers) == 1):
        return False
    states = [state for start in starts for state in start if state is not None]
    return all(bool((state == state[:1]).all()) for state in states)


def _outputs(runs: list[DirectionRun], ends: Tensor | None) -> Tensor:
    """The states of all directions after each step, in the order of the text."""
    parts = [run.states[1:] for run in runs]
    return parts[0] if len(parts) == 1 else torch.cat([parts[0], reverse_rows(parts[1], ends)], -1)
