"""What the runs of layers begin with: what the model makes of answers, or of its tokens."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from captum_rnn.states.following import Entry
from captum_rnn.states.links import states_of
from captum_rnn.states.recording import Recording, data_of


@dataclass(frozen=True)
class Begins:
    """Tells whether rows of a call begin with what is made of something.

    The graph says so where there is one. Else a state counts that was computed from an answer, and
    with which no earlier call began: learnt ones are the same each time.

    Attributes:
        recording: What the layers did.
        entries: What the model reads at the places of its inputs.
    """

    recording: Recording
    entries: Sequence[Entry]

    def __call__(self, number: int, rows: Tensor, calls: Sequence[int]) -> bool:
        """Whether rows of a call are begun with what is made of answers, or of the tokens.

        Args:
            number: The call.
            rows: Which of its rows (rows,).
            calls: The calls whose answers are asked for; of all earlier ones, the tokens are too.
        """
        states = self.recording.calls[number].initial
        if states is None or not self.recording.from_answers[number]:
            return False
        derivable = [state for state in states if state.requires_grad]
        if not derivable:
            return self._is_new(number, rows)
        leaves = [leaf for index in calls for leaf in self._answers(index)]
        if len(calls) == number:
            leaves += [entry.vectors for entry in self.entries]
        wanted = [leaf for leaf in leaves if leaf.requires_grad]
        if not wanted:
            return False
        found = torch.autograd.grad(
            derivable,
            wanted,
            [_drawn(state, rows) for state in derivable],
            allow_unused=True,
            retain_graph=True,
        )
        return any(gradient is not None and bool(gradient.any()) for gradient in found)

    def as_it_was(self, number: int, rows: Tensor) -> bool:
        """Whether rows of a call begin with final states as they were, as far as the graph tells.

        Zeros are the same whether they are handed on, made smaller or put in the place of others.
        """
        states = self.recording.calls[number].initial or ()
        leaves = [state for call in self.recording.calls[:number] for state in call.final]
        wanted = [leaf for leaf in leaves if leaf.requires_grad]
        if not wanted or not all(state.requires_grad for state in states):
            return True
        weights = [_drawn(state, rows) for state in states]
        found = torch.autograd.grad(states, wanted, weights, allow_unused=True, retain_graph=True)
        read = [gradient for gradient in found if gradient is not None and bool(gradient.any())]
        total = sum(float(gradient.double().square().sum()) for gradient in read)
        expected = sum(float(weight.double().square().sum()) for weight in weights)
        return abs(total - expected) <= 1e-3 * expected

    def check_derivable(self, calls: Collection[int], layers: Sequence[nn.Module]) -> None:
        """Raises ValueError if calls begin with what was made of answers and detached from them.

        Args:
            calls: The calls that begin with what is made of earlier answers.
            layers: The layer of each call.
        """
        for number in sorted(calls):
            states = self.recording.calls[number].initial or ()
            if any(bool(state.any()) and not state.requires_grad for state in states):
                raise ValueError(
                    f"a run of {type(layers[number]).__name__} begins with a state that the model "
                    "makes of an earlier run's and detaches from it, so that derivatives end; "
                    "let forward_func keep the graph between the runs"
                )

    def _answers(self, number: int) -> list[Tensor]:
        call = self.recording.calls[number]
        return [data_of(call.output), *call.final]

    def _is_new(self, number: int, rows: Tensor) -> bool:
        """Whether any of the rows begins with a state that no row of an earlier call began with."""
        begun = [call.initial for call in self.recording.calls[: number + 1]]
        own, *others = [states_of(states).detach() for states in reversed(begun) if states]
        known = [other for other in others if other.shape[1] == own.shape[1]]
        own = own[rows.to(own.device)] if len(rows) == len(own) else own
        return not all(any(bool((other == row).all(1).any()) for other in known) for row in own)


def _drawn(state: Tensor, rows: Tensor) -> Tensor:
    """Random weights of a state (number, rows, width), zeros at all other rows."""
    draw = torch.Generator(state.device).manual_seed(0)
    weights = torch.randn(state.shape, generator=draw, device=state.device).to(state.dtype)
    if state.dim() == 3 and state.shape[1] == len(rows):
        weights[:, ~rows.to(state.device)] = 0
    return weights
