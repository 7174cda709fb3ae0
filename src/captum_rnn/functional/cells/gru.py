"""The GRU cell.

r, z = σ(·), n = tanh(W_in x + b_in + r ∘ (W_hn h_{t−1} + b_hn)), h_t = (1 − z) ∘ n + z ∘ h_{t−1}.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from captum_rnn.functional.cells.cell import Adjoint, Cell, CellWeights
from captum_rnn.functional.cells.relevance import Shares, blocks, stabilise

aten = torch.ops.aten  # the derivatives of σ and tanh as autograd computes them, in one pass each


class GruSteps(NamedTuple):
    """The gates (time, batch, hidden), the candidate's hidden part, and the previous states."""

    reset_gate: Tensor
    update_gate: Tensor
    candidate: Tensor
    hidden_part: Tensor
    previous: Tensor


class GruCell(Cell[GruSteps]):
    """Steps of an `nn.GRU`; see `Cell`."""

    def steps(self, inputs: Tensor, states: Tensor, initial_cell: Tensor | None) -> GruSteps:
        """Gates by one matrix product."""
        return self._gates(inputs, states[:-1])

    def made(self, steps: GruSteps) -> Tensor:
        """Between the candidate and the previous state."""
        return torch.lerp(steps.candidate, steps.previous, steps.update_gate)

    def after(
        self, inputs: Tensor, previous: Tensor, previous_cells: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """One step from each previous state."""
        gates = self._gates(inputs, previous)
        return torch.lerp(gates.candidate, gates.previous, gates.update_gate), None

    def adjoint(self, steps: GruSteps, read: Tensor, read_cells: Tensor | None) -> Adjoint:
        """Back through the gates; the hidden part of each step is one matrix product."""
        hidden = len(self.weights.hidden) // 3
        states = read.clone()
        into = states.unbind()
        # The candidate's weights first: its derivative with respect to the hidden part, then r and
        # z, which both parts share, then the candidate's with respect to the inputs' part.
        weights = self.weights.hidden.roll(hidden, 0)
        deltas = []
        for part in reversed(blocks(*read.shape[:2])):
            slopes = _slopes(steps, part)
            delta, slopes_at = slopes.flatten(2), slopes.unbind()
            of_hidden = delta[:, :, : 3 * hidden].unbind()
            kept = slopes[:, :, 4].unbind()
            for within in reversed(range(len(slopes_at))):
                step = part.start + within
                slopes_at[within].mul_(into[step].unsqueeze(1))
                if step > 0:
                    into[step - 1].add_(kept[within]).addmm_(of_hidden[within], weights)
            deltas.append(delta[:, :, hidden : 4 * hidden])
        return Adjoint(states, None, deltas[::-1])

    @property
    def candidate(self) -> CellWeights:
        """The weights of n."""
        return self.weights.part(2, 3, of=3)

    def shares(
        self, inputs: Tensor, states: Tensor, initial_cell: Tensor | None, epsilon: float
    ) -> Shares:
        """Relevance is carried by the state itself, h_t = (1 − z) ∘ n + z ∘ h_{t−1}."""
        candidate, previous = self.candidate, states[:-1]
        gates = self.weights.part(0, 2, of=3).preactivations(inputs, previous).sigmoid_()
        reset, update = gates.chunk(2, dim=-1)
        from_hidden = F.linear(previous, candidate.hidden, candidate.hidden_bias)
        preactivations = F.linear(inputs, candidate.input, candidate.input_bias)
        preactivations.addcmul_(reset, from_hidden)
        candidates = preactivations.tanh()
        stabilised = stabilise(states[1:], epsilon)
        quotient = torch.addcmul(candidates, update, candidates, value=-1).div_(stabilised)
        quotient.div_(stabilise(preactivations, epsilon))
        return Shares(
            kept=(update * previous).div_(stabilised),
            quotient=quotient,
            signal=states[1:],
            hidden_quotient=reset * quotient,
        )

    def _gates(self, inputs: Tensor, previous: Tensor) -> GruSteps:
        weights = self.weights
        of_input = F.linear(inputs, weights.input, weights.input_bias).chunk(3, dim=-1)
        of_hidden = F.linear(previous, weights.hidden, weights.hidden_bias).chunk(3, dim=-1)
        reset = (of_input[0] + of_hidden[0]).sigmoid_()
        update = (of_input[1] + of_hidden[1]).sigmoid_()
        candidate = torch.addcmul(of_input[2], reset, of_hidden[2]).tanh_()
        return GruSteps(reset, update, candidate, of_hidden[2], previous.expand_as(candidate))


def _slopes(steps: GruSteps, part: slice) -> Tensor:
    """Derivatives of the state inside some steps (time, batch, 5, hidden).

    With respect to the hidden part of n, the pre-activations of r, z and n, and the previous state
    that is kept.
    """
    reset, update, candidate, hidden_part, previous = (values[part] for values in steps)
    slopes = reset.new_empty(*reset.shape[:2], 5, reset.shape[2])
    of_hidden, of_reset, of_update, of_candidate, kept = slopes.unbind(2)
    aten.tanh_backward.grad_input(1 - update, candidate, grad_input=of_candidate)
    torch.mul(of_candidate, reset, out=of_hidden)
    aten.sigmoid_backward.grad_input(of_candidate * hidden_part, reset, grad_input=of_reset)
    aten.sigmoid_backward.grad_input(previous - candidate, update, grad_input=of_update)
    kept.copy_(update)
    return slopes
