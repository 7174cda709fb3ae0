"""The states that one direction of a recurrent layer passes through."""

from typing import NamedTuple

import torch
from torch import Tensor


class StatePath(NamedTuple):
    """An initial state and the state after each token, kept apart so that nothing is copied.

    Attributes:
        initial: The state before the first token that the direction reads (batch, 1, hidden);
            None: zeros.
        outputs: The state after each token (batch, time, hidden), in the order of the text.
        backward: Whether the direction reads from the last token to the first.
        ends: Number of tokens of each row (batch,), where a backward direction starts at them
            rather than behind the last column; otherwise None.
    """

    initial: Tensor | None
    outputs: Tensor
    backward: bool = False
    ends: Tensor | None = None

    @classmethod
    def of_states(cls, states: Tensor, *, backward: bool = False) -> "StatePath":
        """The path of states at the boundaries between tokens (batch, time + 1, hidden).

        The forward direction has its initial state first, the backward direction last.
        """
        if backward:
            return cls(states[:, -1:], states[:, :-1], backward=True)
        return cls(states[:, :1], states[:, 1:])

    def states(self) -> Tensor:
        """The states at the boundaries (batch, time + 1, hidden).

        Boundary t lies before token t and after token t − 1. Boundaries beyond the end of a row
        hold whatever the layer put there.
        """
        initial = self.first()
        if not self.backward:
            return torch.cat([initial, self.outputs], 1)
        states = torch.cat([self.outputs, initial], 1)
        if self.ends is not None:
            states[torch.arange(len(states), device=states.device), self.ends] = initial[:, 0]
        return states

    def first(self) -> Tensor:
        """The initial state (batch, 1, hidden)."""
        return torch.zeros_like(self.outputs[:, :1]) if self.initial is None else self.initial

    def beside(self, other: "StatePath") -> "StatePath":
        """The states of this path, followed by those of another one of the same tokens."""
        initial = None
        if self.initial is not None or other.initial is not None:
            initial = torch.cat([self.first(), other.first()], 2)
        outputs = torch.cat([self.outputs, other.outputs], 2)
        return self._replace(initial=initial, outputs=outputs)

    def before(self, of_outputs: Tensor, of_initial: Tensor) -> Tensor:
        """For each token a value of the state that the direction had before it.

        Args:
            of_outputs: The value for the state after each token (batch, time, ...).
            of_initial: The value for the initial state (batch, 1, ...).

        Returns:
            Values (batch, time, ...).
        """
        if not self.backward:
            return torch.cat([of_initial, of_outputs[:, :-1]], 1)
        before = torch.cat([of_outputs[:, 1:], of_initial], 1)
        if self.ends is not None:
            last = self.ends.clamp(min=1).reshape(-1, *[1] * (before.dim() - 1)) - 1
            before = before.scatter(1, last.expand_as(of_initial), of_initial)
        return before
