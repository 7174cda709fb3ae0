"""What stands between the layers of a model: derivatives that go through all but the layers.

The layers themselves are cut out of the graph: what the model reads of them are its leaves. What a
layer was given depends on the leaves of other layers and on what the model reads of its inputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from captum_rnn.states.following import Entry
from captum_rnn.states.joining import Joined
from captum_rnn.states.recording import ReadGradient, Recording, data_of, with_data


class Weighted(NamedTuple):
    """Tensors of the graph and what each is weighted with."""

    tensors: list[Tensor]
    weights: list[Tensor]


class Begun(NamedTuple):
    """Trajectories that begin from what stands at the inputs' places."""

    trajectories: set[int]
    gradients: list[list[Tensor | None]]
    """Derivatives of a mixture of the initial states of each, with respect to all entries."""
    of_first_rows: list[list[Tensor | None]]
    """The same of the states of its first row alone."""


@dataclass(frozen=True)
class Graph:
    """The graph of one run.

    Attributes:
        values: The explained values (batch,).
        recording: What the layers did.
        entries: What the model reads at the places of its inputs.
    """

    values: Tensor
    recording: Recording
    entries: list[Entry]

    def gradients(self, weighted: Weighted) -> tuple[list[ReadGradient], list[Tensor | None]]:
        """Derivatives of Σ ⟨tensor, weight⟩ with respect to all calls and to the entries.

        Returns:
            For each call the derivatives with respect to what is read of it, and for each entry
            those with respect to its vectors; None where it is not used.
        """
        leaves = [*self.recording.leaves, *(entry.vectors for entry in self.entries)]
        wanted = [number for number, leaf in enumerate(leaves) if leaf.requires_grad]
        found: list[Tensor | None] = [None] * len(leaves)
        used = [number for number, t in enumerate(weighted.tensors) if t.requires_grad]
        if used and wanted:
            gradients = torch.autograd.grad(
                [weighted.tensors[number] for number in used],
                [leaves[number] for number in wanted],
                [weighted.weights[number].to(weighted.tensors[number].dtype) for number in used],
                allow_unused=True,
                retain_graph=True,
            )
            for number, gradient in zip(wanted, gradients, strict=True):
                found[number] = gradient
        of_calls = []
        for call in self.recording.calls:
            of_output, *of_final = [found.pop(0) for _ in range(1 + len(call.final))]
            data = None if of_output is None else with_data(call.output, of_output)
            of_calls.append(ReadGradient(data, tuple(of_final)))
        return of_calls, found

    def of_values(self) -> tuple[list[ReadGradient], list[Tensor | None]]:
        """The derivatives of the explained values.

        Raises:
            ValueError: They do not depend on any call.
        """
        found = self.gradients(Weighted([self.values], [torch.ones_like(self.values)]))
        if self.recording.calls and not any(is_read(gradient) for gradient in found[0]):
            raise ValueError(
                "the model's output does not depend on the output of the recurrent layer; pass the "
                "layer that the classifier reads, and a forward_func that answers with scores (no "
                "argmax), does not detach and leaves torch.inference_mode() behind the layer"
            )
        return found

    def _read(self, joined: Joined) -> list[Tensor]:
        """What the runs of a trajectory read."""
        return [data_of(self.recording.calls[number].input) for number in joined.members]

    def _begun(self, joined: Joined) -> list[Tensor]:
        """The states that they began with, and did not have of each other."""
        states: list[Tensor] = []
        for number, linked in zip(joined.members, joined.is_linked, strict=True):
            states.extend(() if linked else self.recording.calls[number].initial or ())
        return states

    def handed_on(
        self, joined: Joined, inputs: Tensor | None, initial: Sequence[Tensor] | None
    ) -> Weighted:
        """What the runs of a trajectory were given, weighted with its multipliers.

        Args:
            joined: The trajectory.
            inputs: Multipliers of its inputs (rows, time, features); None: zeros.
            initial: Multipliers of its initial states (number, rows, state) each; None: zeros.
        """
        weighted = Weighted([], [])
        for number, order, linked in zip(
            joined.members, joined.orders, joined.is_linked, strict=True
        ):
            if inputs is not None:
                read = data_of(self.recording.calls[number].input)
                weighted.tensors.append(read)
                weighted.weights.append(inputs.flatten(0, 1)[order].reshape(read.shape))
            given = self.recording.calls[number].initial
            if linked or given is None or initial is None:
                continue
            for state, multipliers in zip(given, initial, strict=True):
                same = multipliers.shape == state.shape
                of_rows = multipliers if same else multipliers[:, joined.rows_of(number)]
                weighted.tensors.append(state)
                weighted.weights.append(of_rows.reshape(state.shape))
        return weighted

    def readers(self, joined: Sequence[Joined]) -> tuple[list[set[int]], list[set[int]]]:
        """For each trajectory, those that it reads steps of, and those that it begins from."""
        return (
            [self._sources(self._read(trajectory), joined) for trajectory in joined],
            [self._sources(self._begun(trajectory), joined) for trajectory in joined],
        )

    def begin_from_tokens(self, joined: Sequence[Joined]) -> "Begun":
        """The trajectories whose initial states are made of what stands at the inputs' places."""
        begun = Begun(set(), [], [])
        for index, trajectory in enumerate(joined):
            states = self._begun(trajectory)
            _, gradients = self.gradients(Weighted(states, [_drawn(state) for state in states]))
            if any(gradient is not None and bool(gradient.any()) for gradient in gradients):
                begun.trajectories.add(index)
                begun.gradients.append(gradients)
                weights = [_drawn(state) for state in states]
                for weight in weights:
                    weight.view(-1, *weight.shape[-2:])[:, 1:] = 0
                begun.of_first_rows.append(self.gradients(Weighted(states, weights))[1])
        return begun

    def _sources(self, tensors: list[Tensor], joined: Sequence[Joined]) -> set[int]:
        weights = [_drawn(tensor) for tensor in tensors]
        gradients, _ = self.gradients(Weighted(tensors, weights))
        found = {number for number, gradient in enumerate(gradients) if is_read(gradient)}
        return {index for index, other in enumerate(joined) if not found.isdisjoint(other.members)}


def is_read(gradient: ReadGradient) -> bool:
    """Whether there is any derivative in it."""
    parts = [None if gradient.output is None else data_of(gradient.output), *gradient.final]
    return any(part is not None and bool(part.any()) for part in parts)


def added(one: ReadGradient, other: ReadGradient) -> ReadGradient:
    """The sum of two derivatives of one call."""

    def add(first: Tensor | None, second: Tensor | None) -> Tensor | None:
        if first is None or second is None:
            return second if first is None else first
        return first + second

    like = one.output if one.output is not None else other.output
    data = add(*(None if g.output is None else data_of(g.output) for g in (one, other)))
    return ReadGradient(
        None if like is None or data is None else with_data(like, data),
        tuple(add(*parts) for parts in zip(one.final, other.final, strict=True)),
    )


def _drawn(like: Tensor) -> Tensor:
    draw = torch.Generator(like.device).manual_seed(0)
    return torch.randn(like.shape, generator=draw, device=like.device).to(like.dtype)
