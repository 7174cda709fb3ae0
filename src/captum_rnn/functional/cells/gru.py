"""The GRU cell.

r, z = σ(·), n = tanh(W_in x + b_in + r ∘ (W_hn h_{t−1} + b_hn)), h_t = (1 − z) ∘ n + z ∘ h_{t−1}.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from captum_rnn.functional.cells.cell import Cell
from captum_rnn.functional.cells.nonlinearities import SIGMOID, TANH, Point
from captum_rnn.functional.cells.rules import TANGENT, Applied, Rule
from captum_rnn.functional.cells.scan import Slopes


class GruSteps(NamedTuple):
    """What happened inside each step (time, batch, hidden)."""

    reset: Point
    update: Point
    candidate: Point
    hidden_part: Tensor
    """W_hn h_{t−1} + b_hn, which the reset gate multiplies."""
    states: Tensor
    """(time + 1, batch, hidden)."""

    def during(self, part: slice) -> "GruSteps":
        """The same of some steps."""
        reset, update, candidate = (gate.during(part) for gate in self[:3])
        ends = slice(part.start, part.stop + 1)
        return GruSteps(reset, update, candidate, self.hidden_part[part], self.states[ends])


class _Slots(NamedTuple):
    """The slots in their order, so that those of the hidden and of the inputs' part are in a row.

    r's and z's sums have one slot each for both parts, n's has two, as r stands between them.
    """

    candidate_hidden: Tensor
    reset: Tensor | None
    update: Tensor | None
    candidate: Tensor


class GruCell(Cell[GruSteps]):
    """Steps of an `nn.GRU`; see `Cell`."""

    def steps(
        self, inputs: Tensor, states: Tensor, initial_cell: Tensor | None, rule: Rule = TANGENT
    ) -> GruSteps:
        """Gates by one matrix product."""
        keep_sums = rule.needs_sums and rule.gates_take
        return GruSteps(*self._gates(inputs, states[:-1], keep_sums=keep_sums), states)

    def steps_apart(self, inputs: Tensor, states: Tensor, cells: Tensor | None) -> GruSteps:
        """As `steps`, which take every step from the recorded state before it."""
        return self.steps(inputs, states, None)

    def slopes(self, steps: GruSteps, base: GruSteps | None, part: slice, rule: Rule) -> Slopes:
        """Of h_t = (1 − z) ∘ n + z ∘ h_{t−1} and what is inside n."""
        inside = Applied(rule, steps.during(part), None if base is None else base.during(part))
        count = len(_Slots._fields) if rule.gates_take else 2
        values = steps.states[:-1][part]
        slots = values.new_empty(*values.shape[:2], count, values.shape[2])
        if rule.gates_take:
            to = _Slots(*slots.unbind(2))
        else:
            to = _Slots(slots[:, :, 0], None, None, slots[:, :, 1])
        mixed_in = inside.factor(lambda at: 1 - at.update.value)
        torch.mul(inside.slope(TANH, lambda at: at.candidate), mixed_in, out=to.candidate)
        open_to_hidden = inside.factor(lambda at: at.reset.value)
        torch.mul(to.candidate, open_to_hidden, out=to.candidate_hidden)
        if to.reset is not None and to.update is not None:
            of_reset = to.candidate * inside.factor(lambda at: at.hidden_part)
            torch.mul(of_reset, inside.slope(SIGMOID, lambda at: at.reset), out=to.reset)
            mixed = inside.factor(lambda at: at.states[:-1] - at.candidate.value)
            torch.mul(mixed, inside.slope(SIGMOID, lambda at: at.update), out=to.update)
        kept = inside.factor(lambda at: at.update.value)
        share = rule.passed_on(steps.states[1:][part])
        if share is not None:
            slots, kept = slots.mul_(share.unsqueeze(2)), kept * share
        hidden, inputs = (slice(0, 3), slice(1, 4)) if rule.gates_take else (slice(1), slice(1, 2))
        return Slopes(slots, hidden, inputs, kept=kept)

    def slot_weights(self, rule: Rule) -> tuple[Tensor, Tensor]:
        """The weights of n for the hidden part stand before those of r and z."""
        hidden = len(self.weights.hidden) // 3
        if not rule.gates_take:
            return self.weights.input[2 * hidden :], self.weights.hidden[2 * hidden :]
        return self.weights.input, self.weights.hidden.roll(hidden, 0)

    def made(self, steps: GruSteps) -> Tensor:
        """Between the candidate and the previous state."""
        return torch.lerp(steps.candidate.value, steps.states[:-1], steps.update.value)

    def after(
        self, inputs: Tensor, previous: Tensor, previous_cells: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """One step from each previous state."""
        _, update, candidate, _ = self._gates(inputs, previous)
        return torch.lerp(candidate.value, previous, update.value), None

    def walk(self, inputs: Tensor, state: Tensor, cell: Tensor | None) -> Tensor:
        """By torch's own kernel."""
        weights, biased = self.weights.flat()
        start = state.unsqueeze(0).contiguous()
        outputs = torch.gru(inputs, start, weights, biased, 1, 0.0, False, False, False)[0]
        return torch.cat([start, outputs])

    def _gates(
        self, inputs: Tensor, previous: Tensor, *, keep_sums: bool = False
    ) -> tuple[Point, Point, Point, Tensor]:
        """The gates r and z, n and its hidden part; a gate without its sum stands in its place."""
        weights = self.weights
        of_input = F.linear(inputs, weights.input, weights.input_bias).chunk(3, dim=-1)
        of_hidden = F.linear(previous, weights.hidden, weights.hidden_bias).chunk(3, dim=-1)
        reset, update = of_input[0] + of_hidden[0], of_input[1] + of_hidden[1]
        reset_gate = reset.sigmoid() if keep_sums else reset.sigmoid_()
        update_gate = update.sigmoid() if keep_sums else update.sigmoid_()
        candidate = torch.addcmul(of_input[2], reset_gate, of_hidden[2])
        return (
            Point(reset, reset_gate),
            Point(update, update_gate),
            Point(candidate, candidate.tanh()),
            of_hidden[2],
        )
