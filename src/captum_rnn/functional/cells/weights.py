"""The weights of a recurrent cell."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class CellWeights:
    """The weights of one direction of one layer, as torch lays them out.

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

    def flat(self) -> tuple[list[Tensor], bool]:
        """All weights in torch's order, and whether there are biases among them."""
        every = (self.input, self.hidden, self.input_bias, self.hidden_bias, self.projection)
        return [weight for weight in every if weight is not None], self.input_bias is not None

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

    def sums(self, inputs: Tensor, previous: Tensor) -> Tensor:
        """The pre-activations of consecutive steps (time, batch, gates · hidden), by one product.

        Args:
            inputs: (time, batch, features), of any strides.
            previous: (time, batch, state).
        """
        both, bias = self._joint
        read = torch.cat([inputs, previous], 2)
        rows = read.flatten(0, 1)
        found = torch.mm(rows, both) if bias is None else torch.addmm(bias, rows, both)
        return found.view(*read.shape[:2], -1)

    @cached_property
    def _joint(self) -> tuple[Tensor, Tensor | None]:
        """The weights of inputs beside states (features + state, gates · hidden), and the bias."""
        bias = None
        if self.input_bias is not None and self.hidden_bias is not None:
            bias = self.input_bias + self.hidden_bias
        return torch.cat([self.input, self.hidden], 1).t(), bias

    def preactivations(self, inputs: Tensor, previous: Tensor) -> Tensor:
        """What the gates' nonlinearities are applied to (..., gates · hidden).

        Args:
            inputs: (..., features), or what broadcasts to it, such as (1, 1, features).
            previous: (..., state).
        """
        sums = previous @ self.hidden.t()
        if inputs.shape[:-1] != previous.shape[:-1]:
            return sums.add_(self.of_inputs(inputs))
        # In place, without a second tensor of this size.
        features = inputs.shape[-1]
        sums.view(-1, len(self.input)).addmm_(inputs.reshape(-1, features), self.input.t())
        if self.input_bias is not None and self.hidden_bias is not None:
            sums += self.input_bias + self.hidden_bias
        return sums

    def of_inputs(self, inputs: Tensor) -> Tensor:
        """What inputs (..., features) and both biases contribute to them (..., gates · hidden)."""
        sums = inputs @ self.input.t()
        if self.input_bias is not None and self.hidden_bias is not None:
            sums += self.input_bias + self.hidden_bias
        return sums
