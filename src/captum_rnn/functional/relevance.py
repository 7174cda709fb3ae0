"""Layer-wise relevance propagation through all layers and directions, and what bounds it."""

from typing import NamedTuple

import torch
from torch import Tensor

from captum_rnn.functional.cells import Chord
from captum_rnn.functional.propagation import of_inputs, walk_back
from captum_rnn.functional.stack import LayerPass, Stack

LARGEST_EPSILON = 1e6
"""Where ε is not raised any more."""


class Relevance(NamedTuple):
    """What relevance comes to at the lower end of a stack.

    Attributes:
        of_inputs: The relevance of what the lowest layer reads (time, batch, features), in the
            order of the text.
        of_initial: The sizes of the relevances of all initial states, added up (batch,).
    """

    of_inputs: Tensor
    of_initial: Tensor

    @property
    def size(self) -> Tensor:
        """The sizes of the relevances of the inputs, added up (batch,)."""
        size: Tensor = torch.linalg.vector_norm(self.of_inputs, 1, (0, 2))
        return size


def input_relevance(stack: Stack, epsilon: float | Tensor) -> Relevance:
    """Layer-wise relevance propagation to what the lowest layer reads, and to initial states.

    Args:
        stack: The stacked layers.
        epsilon: The ε of the rule; see `captum_rnn.functional.cells.Chord`.
    """
    layers = walk_back(stack, Chord(epsilon))
    of_initial = stack.inputs.new_zeros(stack.inputs.shape[1])
    for passes, of_layer in zip(stack.layers, layers, strict=True):
        for passed, found in zip(passes, of_layer, strict=True):
            of_initial += (passed.states[0] * found.states[0]).abs().sum(1)
            if passed.initial_cell is not None and found.cells is not None:
                of_initial += (passed.initial_cell * found.cells[0]).abs().sum(1)
    return Relevance(of_inputs(stack, layers[0]).mul_(stack.inputs), of_initial)


def size_read(stack: Stack) -> Tensor:
    """The sizes of the terms that are read of a stack, added up: Σ |s ∘ ∂f/∂s| (batch,)."""
    return torch.stack([_size_read(passed) for layer in stack.layers for passed in layer]).sum(0)


def outgrown(size: Tensor, largest: Tensor) -> Tensor:
    """The rows (batch,) whose relevance is larger than it may be.

    The smaller ε, the larger relevance grows where terms of both signs nearly cancel, step after
    step and without a limit.

    Args:
        size: The size of each row's relevance (batch,).
        largest: What that may be (batch,).
    """
    # A row that is no number stays so; one that is infinite has outgrown its bound.
    return ~(size <= largest) & largest.isfinite()


def _size_read(passed: LayerPass) -> Tensor:
    size: Tensor = torch.linalg.vector_norm(passed.states[1:] * passed.read, 1, (0, 2))
    if passed.read_cells is not None:
        of_cells = passed.steps.cells[1:] * passed.read_cells
        size += torch.linalg.vector_norm(of_cells, 1, (0, 2))
    return size
