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
        input_gate, forget_gate, candidate, output_gate = self._gates(inputs, states[:-1])
        cells = input_gate.new_zeros(len(states), *input_gate.shape[1:])
        if initial_cell is not None:
            cells[0] = initial_cell
        torch.mul(input_gate, candidate, out=cells[1:])
        for step, forget in enumerate(forget_gate):
            cells[step + 1].addcmul_(forget, cells[step])
        return LstmSteps(input_gate, forget_gate, candidate, output_gate, cells)

    def after(
        self, inputs: Tensor, previous: Tensor, previous_cells: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """One step from each previous state."""
        input_gate, forget_gate, candidate, output_gate = self._gates(inputs, previous)
        cells = input_gate * candidate
        if previous_cells is not None:
            cells = cells + forget_gate * previous_cells
        return self._project(output_gate * cells.tanh()), cells

    def adjoint(self, steps: LstmSteps, read: Tensor, read_cells: Tensor | None) -> Adjoint:
        """Back through the gates; the hidden part of each step is one matrix product."""
        states = torch.empty_like(read)
        cells = torch.empty_like(steps.cells[1:])
        state, cell = torch.zeros_like(read[0]), torch.zeros_like(cells[0])
        deltas = []
        for part in reversed(blocks(*read.shape[:2])):
            slopes = _slopes(steps, part)
            delta = slopes.of_output.new_empty(*slopes.of_cell.shape[:2], 4, cells.shape[2])
            for step in reversed(range(part.start, part.stop)):
                within = step - part.start
                if read_cells is not None:
                    cell = cell + read_cells[step]
                states[step], cells[step] = state, cell
                through_output = self._unproject(state + read[step])
                through_cell = torch.addcmul(cell, through_output, slopes.opened[within])
                torch.mul(
                    through_cell.unsqueeze(1), slopes.of_cell[within], out=delta[within, :, :3]
                )
                torch.mul(through_output, slopes.of_output[within], out=delta[within, :, 3])
                state = delta[within].flatten(1) @ self.weights.hidden
                cell = steps.forget_gate[step] * through_cell
            deltas.append(delta.flatten(2))
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

    def _gates(self, inputs: Tensor, previous: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        parts = self.weights.preactivations(inputs, previous).chunk(4, dim=-1)
        candidate = parts[2].contiguous().tanh_()  # torch's fast tanh wants it
        return parts[0].sigmoid_(), parts[1].sigmoid_(), candidate, parts[3].sigmoid_()

    def _project(self, states: Tensor) -> Tensor:
        projection = self.weights.projection
        return states if projection is None else F.linear(states, projection)

    def _unproject(self, derivative: Tensor) -> Tensor:
        projection = self.weights.projection
        return derivative if projection is None else derivative @ projection


class _Slopes(NamedTuple):
    opened: Tensor  # of the state with respect to the cell state (time, batch, hidden)
    of_cell: Tensor  # of the cell state with respect to i, f and g (time, batch, 3, hidden)
    of_output: Tensor  # of the state with respect to o (time, batch, hidden)


def _slopes(steps: LstmSteps, part: slice) -> _Slopes:
    """Derivatives inside some steps, with respect to the gates' pre-activations."""
    cells, before = steps.cells[1:][part], steps.cells[:-1][part]
    input_gate, forget_gate = steps.input_gate[part], steps.forget_gate[part]
    candidate, output_gate = steps.candidate[part], steps.output_gate[part]
    squashed = cells.tanh()
    of_cell = [
        candidate * _sigmoid_slope(input_gate),
        before * _sigmoid_slope(forget_gate),
        input_gate * (1 - candidate.square()),
    ]
    return _Slopes(
        opened=output_gate * (1 - squashed.square()),
        of_cell=torch.stack(of_cell, 2),
        of_output=squashed * _sigmoid_slope(output_gate),
    )


def _sigmoid_slope(gate: Tensor) -> Tensor:
    return gate * (1 - gate)
