"""The GRU cell.

r, z = σ(·), n = tanh(W_in x + b_in + r ∘ (W_hn h_{t−1} + b_hn)), h_t = (1 − z) ∘ n + z ∘ h_{t−1}.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from captum_rnn.functional.cells.cell import Adjoint, Cell, CellWeights
from captum_rnn.functional.cells.relevance import Shares, blocks, stabilise


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

    def after(
        self, inputs: Tensor, previous: Tensor, previous_cells: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """One step from each previous state."""
        gates = self._gates(inputs, previous)
        return torch.lerp(gates.candidate, gates.previous, gates.update_gate), None

    def adjoint(self, steps: GruSteps, read: Tensor, read_cells: Tensor | None) -> Adjoint:
        """Back through the gates; the hidden part of each step is one matrix product."""
        states = torch.empty_like(read)
        state = torch.zeros_like(read[0])
        deltas = []
        for part in reversed(blocks(*read.shape[:2])):
            reset, update, candidate, hidden_part, previous = (steps_of[part] for steps_of in steps)
            of_candidate = (1 - update) * (1 - candidate.square())
            of_reset = hidden_part * reset * (1 - reset)
            of_update = (previous - candidate) * update * (1 - update)
            delta = read.new_empty(*of_update.shape[:2], 3, of_update.shape[2])
            for step in reversed(range(part.start, part.stop)):
                within = step - part.start
                states[step] = state
                through = state + read[step]
                to_reset, to_update, to_candidate = delta[within].unbind(1)
                torch.mul(through, of_candidate[within], out=to_candidate)
                torch.mul(to_candidate, of_reset[within], out=to_reset)
                torch.mul(through, of_update[within], out=to_update)
                of_hidden = torch.cat([to_reset, to_update, to_candidate * reset[within]], 1)
                state = torch.addmm(through * update[within], of_hidden, self.weights.hidden)
            deltas.append(delta.flatten(2))
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
