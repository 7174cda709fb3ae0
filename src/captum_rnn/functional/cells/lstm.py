"""The LSTM cell, with or without a projection of its state.

i, f, o = σ(·), g = tanh(·), c_t = f ∘ c_{t−1} + i ∘ g, h_t = o ∘ tanh(c_t); with a projection
h_t = W_hr (o ∘ tanh(c_t)).
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from captum_rnn.functional.cells.cell import Adjoint, Cell, CellWeights
from captum_rnn.functional.cells.relevance import Projection, Shares, blocks, stabilise

aten = torch.ops.aten  # the derivatives of σ and tanh as autograd computes them, in one pass each


class LstmSteps(NamedTuple):
    """The gates (time, batch, hidden) and the cell states (time + 1, batch, hidden)."""

    input_gate: Tensor
    forget_gate: Tensor
    candidate: Tensor
    output_gate: Tensor
    cells: Tensor


class LstmCell(Cell[LstmSteps]):
    """Steps of an `nn.LSTM`; see `Cell`."""

    def steps(self, inputs: Tensor, states: Tensor, initial_cell: Tensor | None) -> LstmSteps:
        """Gates by one matrix product, cell states by an elementwise scan."""
        gates = self.weights.preactivations(inputs, states[:-1])
        input_gate, forget_gate, candidate, output_gate = _activate(gates)
        cells = _scan(input_gate, forget_gate, candidate, initial_cell)
        return LstmSteps(input_gate, forget_gate, candidate, output_gate, cells)

    def made(self, steps: LstmSteps) -> Tensor:
        """What the output gate lets through."""
        return self._project(steps.cells[1:].tanh().mul_(steps.output_gate))

    def after(
        self, inputs: Tensor, previous: Tensor, previous_cells: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """One step from each previous state."""
        return self._after(self.weights.preactivations(inputs, previous), previous_cells)

    def instead(
        self, reference: Tensor, inputs: Tensor, states: Tensor, initial_cell: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """The steps taken and those of the reference share the previous states' part."""
        weights, cell = self.weights, initial_cell
        of_cell = weights.part(0, 3, of=4)  # without the output gate, which no cell state needs
        of_reference = weights.preactivations(reference, states.new_zeros(1, states.shape[2]))
        made = []
        for part in blocks(*inputs.shape[:2]):
            of_states = states[:-1][part] @ weights.hidden.t()
            taken = of_cell.add_inputs(of_states[..., : len(of_cell.hidden)], inputs[part])
            input_gate, forget_gate, candidate = _activate(taken, 3)
            cells = _scan(input_gate, forget_gate, candidate, cell)
            made.append(self._after(of_states.add_(of_reference), cells[:-1]))
            cell = cells[-1]
        made_states, made_cells = zip(*made, strict=True)
        return torch.cat(made_states), torch.cat(made_cells)

    def adjoint(self, steps: LstmSteps, read: Tensor, read_cells: Tensor | None) -> Adjoint:
        """Back through the gates; the hidden part of each step is one matrix product."""
        states = read.clone()
        cells = torch.zeros_like(steps.cells[1:]) if read_cells is None else read_cells.clone()
        into_state, into_cell = (adjoint.unbind() for adjoint in (states, cells))
        deltas = []
        for part in reversed(blocks(*read.shape[:2])):
            opened, slopes = _slopes(steps, part)
            opened_at, forget_gate = opened.unbind(), steps.forget_gate[part].unbind()
            delta = slopes.flatten(2).unbind()
            of_cell, of_output = slopes[:, :, :3].unbind(), slopes[:, :, 3].unbind()
            for within in reversed(range(len(delta))):
                step = part.start + within
                through_output = self._unproject(into_state[step])
                through_cell = torch.addcmul(into_cell[step], through_output, opened_at[within])
                of_cell[within].mul_(through_cell.unsqueeze(1))
                of_output[within].mul_(through_output)
                if step > 0:
                    into_state[step - 1].addmm_(delta[within], self.weights.hidden)
                    into_cell[step - 1].addcmul_(forget_gate[within], through_cell)
            deltas.append(slopes.flatten(2))
        return Adjoint(states, cells, deltas[::-1])

    @property
    def candidate(self) -> CellWeights:
        """The weights of g."""
        return self.weights.part(2, 3, of=4)

    def shares(
        self, inputs: Tensor, states: Tensor, initial_cell: Tensor | None, epsilon: float
    ) -> Shares:
        """Relevance is carried by c_t = f ∘ c_{t−1} + i ∘ g, which takes that of h_t too."""
        steps = self.steps(inputs, states, initial_cell)
        cells = steps.cells[1:]
        stabilised = stabilise(cells, epsilon)
        preactivations = self.candidate.preactivations(inputs, states[:-1])
        quotient = (steps.input_gate * steps.candidate).div_(stabilised)
        signal, projection = states[1:], None
        if self.weights.projection is not None:
            signal = steps.output_gate * cells.tanh()
            moved = stabilise(states[1:], epsilon)
            projection = Projection(self.weights.projection, moved, states[1:] / moved)
        return Shares(
            kept=(steps.forget_gate * steps.cells[:-1]).div_(stabilised),
            quotient=quotient.div_(stabilise(preactivations, epsilon)),
            signal=signal,
            projection=projection,
            cells=cells,
        )

    def _after(self, gates: Tensor, previous_cells: Tensor | None) -> tuple[Tensor, Tensor]:
        input_gate, forget_gate, candidate, output_gate = _activate(gates)
        cells = input_gate * candidate
        if previous_cells is not None:
            cells.addcmul_(forget_gate, previous_cells)
        return self._project(output_gate * cells.tanh()), cells

    def _project(self, states: Tensor) -> Tensor:
        projection = self.weights.projection
        return states if projection is None else F.linear(states, projection)

    def _unproject(self, derivative: Tensor) -> Tensor:
        projection = self.weights.projection
        return derivative if projection is None else derivative @ projection


def _activate(gates: Tensor, number: int = 4) -> list[Tensor]:
    """i, f, g and, of four gates, o from their pre-activations (..., gates · hidden), in place."""
    input_gate, forget_gate, candidate, *output_gate = gates.chunk(number, dim=-1)
    candidate = candidate.contiguous().tanh_()  # torch's fast tanh wants it
    return [
        input_gate.sigmoid_(),
        forget_gate.sigmoid_(),
        candidate,
        *(gate.sigmoid_() for gate in output_gate),
    ]


def _scan(
    input_gate: Tensor, forget_gate: Tensor, candidate: Tensor, initial: Tensor | None
) -> Tensor:
    """The cell states (time + 1, batch, hidden), from the initial one on; None: zeros."""
    time, *shape = input_gate.shape
    cells = input_gate.new_zeros(time + 1, *shape)
    if initial is not None:
        cells[0] = initial
    torch.mul(input_gate, candidate, out=cells[1:])
    after = cells.unbind()
    for step, forget in enumerate(forget_gate.unbind()):
        after[step + 1].addcmul_(forget, after[step])
    return cells


def _slopes(steps: LstmSteps, part: slice) -> tuple[Tensor, Tensor]:
    """Derivatives inside some steps.

    Returns:
        Of the state with respect to the cell state (time, batch, hidden); of the cell state with
        respect to the pre-activations of i, f and g, and of the state with respect to that of o
        (time, batch, 4, hidden).
    """
    cells, before = steps.cells[1:][part], steps.cells[:-1][part]
    input_gate, forget_gate = steps.input_gate[part], steps.forget_gate[part]
    candidate, output_gate = steps.candidate[part], steps.output_gate[part]
    squashed = cells.tanh()
    slopes = cells.new_empty(*cells.shape[:2], 4, cells.shape[2])
    of_input, of_forget, of_candidate, of_output = slopes.unbind(2)
    sigmoid_backward, tanh_backward = aten.sigmoid_backward, aten.tanh_backward
    sigmoid_backward.grad_input(candidate, input_gate, grad_input=of_input)
    sigmoid_backward.grad_input(before, forget_gate, grad_input=of_forget)
    tanh_backward.grad_input(input_gate, candidate, grad_input=of_candidate)
    sigmoid_backward.grad_input(squashed, output_gate, grad_input=of_output)
    return tanh_backward(output_gate, squashed), slopes
