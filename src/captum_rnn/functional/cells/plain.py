"""The plain RNN cell, h_t = tanh(·) or relu(·)."""

from typing import Literal

import torch
from torch import Tensor

from captum_rnn.functional.cells.cell import Cell
from captum_rnn.functional.cells.nonlinearities import RELU, TANH, Point
from captum_rnn.functional.cells.rules import TANGENT, Rule
from captum_rnn.functional.cells.scan import Slopes
from captum_rnn.functional.cells.weights import CellWeights


class PlainCell(Cell[Point]):
    """Steps of an `nn.RNN`; see `Cell`.

    Args:
        weights: The weights.
        nonlinearity: ``"tanh"`` or ``"relu"``.
    """

    def __init__(self, weights: CellWeights, nonlinearity: Literal["tanh", "relu"]) -> None:
        super().__init__(weights)
        self.nonlinearity = nonlinearity
        self._function = TANH if nonlinearity == "tanh" else RELU

    def steps(
        self, inputs: Tensor, states: Tensor, initial_cell: Tensor | None, rule: Rule = TANGENT
    ) -> Point:
        """The sums if they are asked for, with what is made of them; else the recorded states.

        A quotient of a recorded state and of sums that nearly cancel would be one of roundings.
        """
        after = states[1:]
        return self.steps_apart(inputs, states, None) if rule.needs_sums else Point(after, after)

    def steps_apart(self, inputs: Tensor, states: Tensor, cells: Tensor | None) -> Point:
        """One step from each recorded state."""
        sums = self.weights.preactivations(inputs, states[:-1])
        return Point(sums, self._apply(sums))

    def slopes(self, steps: Point, base: Point | None, part: slice, rule: Rule) -> Slopes:
        """One slot; the state keeps nothing of the one before."""
        at, base = steps.during(part), None if base is None else base.during(part)
        slot = rule.slope(self._function, at, base)
        return Slopes(slot.unsqueeze(2), hidden=slice(1), inputs=slice(1))

    def slot_weights(self, rule: Rule) -> tuple[Tensor, Tensor]:
        """All of them."""
        return self.weights.input, self.weights.hidden

    def made(self, steps: Point) -> Tensor | None:
        """From the sums, where they are asked for."""
        return None if steps.sum is steps.value else steps.value

    def after(
        self, inputs: Tensor, previous: Tensor, previous_cells: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """One step from each previous state."""
        return self._apply(self.weights.preactivations(inputs, previous)), None

    def walk(self, inputs: Tensor, state: Tensor, cell: Tensor | None) -> Tensor:
        """By torch's own kernel."""
        weights, biased = self.weights.flat()
        start = state.unsqueeze(0).contiguous()
        run = torch.rnn_tanh if self.nonlinearity == "tanh" else torch.rnn_relu
        outputs = run(inputs, start, weights, biased, 1, 0.0, False, False, False)[0]
        return torch.cat([start, outputs])

    def _apply(self, sums: Tensor) -> Tensor:
        return sums.tanh() if self.nonlinearity == "tanh" else sums.relu()
