"""What the three kinds of recurrent cell have in common.

All tensors are time-first here, in the order in which a direction reads: (time, batch, ...). With
the input and the previous state of every step known, the gates of all steps are one matrix product.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from captum_rnn.functional.cells.relevance import ReverseScan, Shares, blocks


@dataclass(frozen=True)
class CellWeights:
    """The weights of one direction of one level, as torch lays them out.

    Attributes:
        input: (gates · hidden, features).
        hidden: (gates · hidden, state).
        input_bias: (gates · hidden,), or None.
        hidden_bias: (gates · hidden,), or None.
        projection: (state, hidden) of an LSTM with `proj_size`, or None.
    """

    input: Tensor
    hidden: Tensor
    input_bias: Tensor | None = None
    hidden_bias: Tensor | None = None
    projection: Tensor | None = None

    def part(self, start: int, stop: int, *, of: int) -> "CellWeights":
        """The weights of consecutive gates in torch's order, the candidate counted as one.

        Args:
            start: The first gate.
            stop: The gate after the last.
            of: Number of gates of the cell.
        """
        hidden = len(self.hidden) // of
        rows = slice(start * hidden, stop * hidden)
        return CellWeights(
            self.input[rows],
            self.hidden[rows],
            None if self.input_bias is None else self.input_bias[rows],
            None if self.hidden_bias is None else self.hidden_bias[rows],
        )

    def add_inputs(self, of_states: Tensor, inputs: Tensor) -> Tensor:
        """The pre-activations, from what the previous states contribute to them.

        Args:
            of_states: (time, batch, gates · hidden).
            inputs: (time, batch, features).
        """
        sums = torch.addmm(of_states.flatten(0, 1), inputs.flatten(0, 1), self.input.t())
        if self.input_bias is not None and self.hidden_bias is not None:
            sums += self.input_bias + self.hidden_bias
        return sums.view(of_states.shape)

    def preactivations(self, inputs: Tensor, previous: Tensor) -> Tensor:
        """What the gates' nonlinearities are applied to (..., gates · hidden).

        Args:
            inputs: (..., features), or one input (features,) for all steps.
            previous: (..., state).
        """
        sums = previous @ self.hidden.t()
        if inputs.dim() < previous.dim():
            sums += inputs @ self.input.t()
        else:  # in place, without a second tensor of this size
            features = inputs.shape[-1]
            sums.view(-1, len(self.input)).addmm_(inputs.reshape(-1, features), self.input.t())
        if self.input_bias is not None and self.hidden_bias is not None:
            sums += self.input_bias + self.hidden_bias
        return sums


class Adjoint(NamedTuple):
    """Total derivatives of the read-out value, through all later steps.

    Attributes:
        states: With respect to the state after each step (time, batch, state), what is read of it
            at the step itself included.
        cells: The same for an LSTM's cell state (time, batch, hidden), with the state held fixed;
            None for the other kinds.
        preactivations: With respect to the inputs' part of the gates' pre-activations (time, batch,
            gates · hidden), in consecutive blocks of steps.
    """

    states: Tensor
    cells: Tensor | None
    preactivations: list[Tensor]


Steps = TypeVar("Steps")


class Cell(ABC, Generic[Steps]):
    """A recurrent cell with its weights.

    Args:
        weights: The weights.
    """

    def __init__(self, weights: CellWeights) -> None:
        self.weights = weights

    @abstractmethod
    def steps(self, inputs: Tensor, states: Tensor, initial_cell: Tensor | None) -> Steps:
        """Recomputes what happened inside each step.

        Args:
            inputs: (time, batch, features).
            states: (time + 1, batch, state), the initial one first.
            initial_cell: (batch, hidden) of an LSTM; None: zeros.
        """

    @abstractmethod
    def made(self, steps: Steps) -> Tensor | None:
        """The state after each step (time, batch, state) as the recomputed step makes it.

        None: the steps are the recorded states themselves, so that nothing was recomputed.
        """

    @abstractmethod
    def after(
        self, inputs: Tensor, previous: Tensor, previous_cells: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """State and cell state after one step from each previous state, all steps at once.

        Args:
            inputs: (time, batch, features), or one input (features,) for all steps.
            previous: (time, batch, state).
            previous_cells: (time, batch, hidden) of an LSTM; None: zeros.
        """

    def instead(
        self, reference: Tensor, inputs: Tensor, states: Tensor, initial_cell: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """State and cell state that a reference input would have made of each previous state.

        Args:
            reference: (features,).
            inputs: (time, batch, features).
            states: (time + 1, batch, state), the initial one first.
            initial_cell: (batch, hidden) of an LSTM; None: zeros.
        """
        return self.after(reference, states[:-1], None)

    @abstractmethod
    def adjoint(self, steps: Steps, read: Tensor, read_cells: Tensor | None) -> Adjoint:
        """Walks back through the steps.

        Args:
            steps: From `steps`.
            read: Direct derivative with respect to each state (time, batch, state): what the
                classifier and the next level read of it.
            read_cells: The same for the cell states of an LSTM; None: nothing reads them.
        """

    def of_inputs(self, adjoint: Adjoint) -> Tensor:
        """Total derivatives with respect to the input of each step (time, batch, features)."""
        return torch.cat([block @ self.weights.input for block in adjoint.preactivations])

    @property
    @abstractmethod
    def candidate(self) -> CellWeights:
        """The weights of the candidate, which alone relevance goes through."""

    @abstractmethod
    def shares(
        self, inputs: Tensor, states: Tensor, initial_cell: Tensor | None, epsilon: float
    ) -> Shares:
        """How relevance is divided inside each step.

        Args:
            inputs: (time, batch, features).
            states: (time + 1, batch, state), the initial one first.
            initial_cell: (batch, hidden) of an LSTM; None: zeros.
            epsilon: The ε of the rule, above 0.
        """

    def relevance(
        self,
        inputs: Tensor,
        states: Tensor,
        initial_cell: Tensor | None,
        of_states: Tensor,
        read_cells: Tensor | None,
        epsilon: float,
    ) -> Tensor:
        """Propagates relevance back to the inputs; see `captum_rnn.functional.cells.relevance`.

        Args:
            inputs: (time, batch, features).
            states: (time + 1, batch, state), the initial one first.
            initial_cell: (batch, hidden) of an LSTM; None: zeros.
            of_states: Relevance of each state (time, batch, state) that comes from the classifier
                and the next level.
            read_cells: Direct derivative with respect to the cell states of an LSTM; None: nothing
                reads them.
            epsilon: The ε of the rule, above 0.

        Returns:
            Relevance of the inputs (time, batch, features).
        """
        parts = blocks(*inputs.shape[:2])
        cell, divided = initial_cell, []
        for part in parts:
            after = slice(part.start, part.stop + 1)
            divided.append(self.shares(inputs[part], states[after], cell, epsilon))
            cells = divided[-1].cells
            cell = None if cells is None else cells[-1]
        scan = ReverseScan(self.candidate.hidden, inputs.shape[1])
        of_inputs = torch.empty_like(inputs)
        for part, shares in zip(reversed(parts), reversed(divided), strict=True):
            read = None if read_cells is None else read_cells[part]
            quotients = scan.back(shares, shares.of_carried(of_states[part], read))
            torch.mul(quotients @ self.candidate.input, inputs[part], out=of_inputs[part])
        return of_inputs


def first_order(change: Tensor, derivative: Tensor) -> Tensor:
    """The change of the value for a change of the states (time, batch, state): (time, batch)."""
    return torch.einsum("tbs,tbs->tb", change, derivative)
