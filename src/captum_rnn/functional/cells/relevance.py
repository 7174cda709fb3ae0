"""Layer-wise relevance propagation back through the steps of a recurrent cell.

The ε-rule divides the relevance of a sum z = Σ z_i among its terms, z_i / (z + ε · sign z) to each,
with sign 0 = 1. Where a gate multiplies a signal, the signal takes all relevance and the gate none;
nonlinearities pass relevance on as it is. So every cell has one carried quantity (the cell state of
an LSTM, the state of the other kinds), whose relevance a step divides between the carried
quantity's previous value and a candidate. The terms of the candidate's pre-activation, a matrix
product, share one factor, here called the quotient: relevance / (z + ε · sign z).

Source: Arras et al. (2017), "Explaining Recurrent Neural Network Predictions in Sentiment
Analysis"; Arras et al. (2019), "Explaining and Interpreting LSTMs".
"""

from typing import NamedTuple

import torch
from torch import Tensor

# Steps times batch for which the factors of an LSTM of 128 units stay in a core's cache.
_ROWS_IN_CACHE = 1024


class Projection(NamedTuple):
    """How the state is a projection of a signal that the carried quantity made.

    Attributes:
        weights: (state, hidden).
        stabilised: The state after each step, moved away from zero (time, batch, state).
        ratio: The state itself over that.
    """

    weights: Tensor
    stabilised: Tensor
    ratio: Tensor


class Shares(NamedTuple):
    """How each step divides the relevance of its carried quantity (time, batch, hidden).

    Attributes:
        kept: What stays with the carried quantity's previous value; None: nothing.
        quotient: The quotient of the candidate's pre-activation.
        signal: The state after each step, or what of it is projected.
        hidden_quotient: As `quotient`, for the previous state's part of the pre-activation where a
            gate multiplies that part; None: the same.
        projection: How the state is projected, if it is.
        cells: The cell states of an LSTM after each step; None for the other kinds.
    """

    kept: Tensor | None
    quotient: Tensor
    signal: Tensor
    hidden_quotient: Tensor | None = None
    projection: Projection | None = None
    cells: Tensor | None = None

    def of_carried(self, of_states: Tensor, read_cells: Tensor | None) -> Tensor:
        """Relevance of the carried quantity from what is read of the step.

        Args:
            of_states: Relevance of the state after each step (time, batch, state).
            read_cells: Direct derivative with respect to the cell states, or None.
        """
        if self.projection is not None:
            quotients = of_states / self.projection.stabilised
            of_states = (quotients @ self.projection.weights).mul_(self.signal)
        if self.cells is None or read_cells is None:
            return of_states
        return torch.addcmul(of_states, self.cells, read_cells)


def stabilise(sums: Tensor, epsilon: float) -> Tensor:
    """Moves each sum away from zero by ε.

    Example:
        >>> stabilise(torch.tensor([2.0, -2.0, 0.0]), 0.5)
        tensor([ 2.5000, -2.5000,  0.5000])
    """
    return torch.copysign(sums.new_tensor(epsilon), sums).add_(sums)


def blocks(time: int, batch: int) -> list[slice]:
    """Runs of steps whose factors fit into the cache together.

    Example:
        >>> blocks(5, 512)
        [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    size = max(1, _ROWS_IN_CACHE // batch)
    return [slice(start, min(start + size, time)) for start in range(0, time, size)]


class ReverseScan:
    """Walks back through the steps, with one matrix product each; two where states are projected.

    Args:
        hidden: The weights of the candidate for the previous state (hidden, state).
        batch: Number of rows.
    """

    def __init__(self, hidden: Tensor, batch: int) -> None:
        self._hidden = hidden
        self._carried = hidden.new_zeros(batch, hidden.shape[0])
        self._of_state = hidden.new_zeros(batch, hidden.shape[1])  # for each unit of the state

    def back(self, shares: Shares, of_carried: Tensor) -> Tensor:
        """Continues through the steps before those that were walked already.

        Args:
            shares: How each step divides the relevance of its carried quantity.
            of_carried: Relevance of the carried quantity after each step that comes from elsewhere
                than later steps (time, batch, hidden).

        Returns:
            The quotient of each step's candidate (time, batch, hidden).
        """
        carried, of_state, projection = self._carried, self._of_state, shares.projection
        quotients = torch.empty_like(of_carried)
        # Views of all steps at once: taking them one by one costs as much as the arithmetic.
        elsewhere, signal = of_carried.unbind(), shares.signal.unbind()
        to_input, to_candidate = quotients.unbind(), shares.quotient.unbind()
        to_hidden = None if shares.hidden_quotient is None else shares.hidden_quotient.unbind()
        kept = None if shares.kept is None else shares.kept.unbind()
        hidden_quotient = torch.empty_like(carried)
        for step in reversed(range(len(of_carried))):
            through = of_state
            if projection is not None:
                through = (of_state * projection.ratio[step]) @ projection.weights
            carried.addcmul_(signal[step], through).add_(elsewhere[step])
            quotient = torch.mul(carried, to_candidate[step], out=to_input[step])
            if to_hidden is not None:
                quotient = torch.mul(carried, to_hidden[step], out=hidden_quotient)
            torch.mm(quotient, self._hidden, out=of_state)
            if kept is None:
                carried.zero_()
            else:
                carried.mul_(kept[step])
        return quotients
