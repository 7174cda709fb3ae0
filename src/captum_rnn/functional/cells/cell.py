"""What the three kinds of recurrent cell have in common.

All tensors are time-first here, in the order in which a direction reads: (time, batch, ...). With
the input and the previous state of every step known, the gates of all steps are one matrix product.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor


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

    def preactivations(self, inputs: Tensor, previous: Tensor) -> Tensor:
        """What the gates' nonlinearities are applied to (..., gates · hidden)."""
        from_hidden = F.linear(previous, self.hidden, self.hidden_bias)
        return F.linear(inputs, self.input, self.input_bias).add_(from_hidden)


class Adjoint(NamedTuple):
    """Total derivatives of the read-out value, through all later steps.

    Attributes:
        states: With respect to the state after each step (time, batch, state), as later steps of
            the same level see it; what the classifier or a higher level reads at the step itself
            is not in it.
        cells: The same for an LSTM's cell state (time, batch, hidden), what is read of it included;
            None for the other kinds.
        inputs: With respect to the input of each step (time, batch, features).
    """

    states: Tensor
    cells: Tensor | None
    inputs: Tensor


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
    def after(
        self, inputs: Tensor, previous: Tensor, previous_cells: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """State and cell state after one step from each previous state, all steps at once."""

    @abstractmethod
    def adjoint(self, steps: Steps, read: Tensor, read_cells: Tensor | None) -> Adjoint:
        """Walks back through the steps.

        Args:
            steps: From `steps`.
            read: Direct derivative with respect to each state (time, batch, state): what the
                classifier and the next level read of it.
            read_cells: The same for the cell states of an LSTM; None: nothing reads them.
        """


def first_order(change: Tensor, derivative: Tensor) -> Tensor:
    """The change of the value for a change of the states (time, batch, state): (time, batch)."""
    return torch.einsum("tbs,tbs->tb", change, derivative)
