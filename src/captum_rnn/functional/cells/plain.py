"""The plain RNN cell, h_t = tanh(·) or relu(·)."""

from typing import Literal

import torch
from torch import Tensor

from captum_rnn.functional.cells.cell import Adjoint, Cell, CellWeights
from captum_rnn.functional.cells.relevance import Shares, stabilise


class PlainCell(Cell[Tensor]):
    """Steps of an `nn.RNN`, of which only the states (time, batch, state) matter; see `Cell`.

    Args:
        weights: The weights.
        nonlinearity: ``"tanh"`` or ``"relu"``.
    """

    def __init__(self, weights: CellWeights, nonlinearity: Literal["tanh", "relu"]) -> None:
        super().__init__(weights)
        self.nonlinearity = nonlinearity

    def steps(self, inputs: Tensor, states: Tensor, initial_cell: Tensor | None) -> Tensor:
        """The states after each step, as they were recorded."""
        return states[1:]

    def made(self, steps: Tensor) -> None:
        """Nothing is recomputed."""

    def after(
        self, inputs: Tensor, previous: Tensor, previous_cells: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """One step from each previous state."""
        preactivations = self.weights.preactivations(inputs, previous)
        return getattr(torch, self.nonlinearity)(preactivations), None

    def adjoint(self, steps: Tensor, read: Tensor, read_cells: Tensor | None) -> Adjoint:
        """Back through the nonlinearity; the hidden part of each step is one matrix product."""
        deltas = 1 - steps.square() if self.nonlinearity == "tanh" else (steps > 0).to(read.dtype)
        states = read.clone()
        into, delta = states.unbind(), deltas.unbind()
        for step in reversed(range(len(into))):
            delta[step].mul_(into[step])
            if step > 0:
                into[step - 1].addmm_(delta[step], self.weights.hidden)
        return Adjoint(states, None, [deltas])

    @property
    def candidate(self) -> CellWeights:
        """The weights of the only pre-activation."""
        return self.weights

    def shares(
        self, inputs: Tensor, states: Tensor, initial_cell: Tensor | None, epsilon: float
    ) -> Shares:
        """Relevance is carried by the state itself, which keeps nothing of the one before."""
        preactivations = self.weights.preactivations(inputs, states[:-1])
        return Shares(None, stabilise(preactivations, epsilon).reciprocal_(), states[1:])
