"""Layer-wise relevance propagation through all layers and directions, and what bounds it."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from captum_rnn.functional.cells import Chord
from captum_rnn.functional.propagation import of_inputs, walk_back
from captum_rnn.functional.stack import LayerPass, Stack


class Relevance(NamedTuple):
    """Relevance of what the lowest layer reads (time, batch, features), in the order of the text.

    Attributes:
        of_inputs: The relevance.
        epsilon: The ε of the rule that each row (batch,) took.
    """

    of_inputs: Tensor
    epsilon: Tensor


def input_relevance(stack: Stack, epsilon: float, bound: float = math.inf) -> Relevance:
    r"""Layer-wise relevance propagation to what the lowest layer reads.

    The smaller ε, the larger relevance grows where terms of both signs nearly cancel, step after
    step and without a limit. So ε is taken ten times as large for a row, again and again, until

    .. math:: \sum_i |R_i| \le \text{bound} \cdot \sum_j |s_j \, \partial f / \partial s_j|,

    the left-hand sum being over what the lowest layer reads and all initial states, the right-hand
    one over all terms that the classifier reads.

    Args:
        stack: The stacked layers.
        epsilon: The ε of the rule; see `captum_rnn.functional.cells.Chord`.
        bound: See above.
    """
    read = torch.stack([_size_read(passed) for layer in stack.layers for passed in layer]).sum(0)
    found, size = _relevance(stack, epsilon)
    taken = torch.full_like(read, epsilon)
    largest = bound * read
    while epsilon < _LARGEST_EPSILON:
        # A row that is no number stays so; one that is infinite has outgrown its bound.
        outgrown = ~(size <= largest) & largest.isfinite()
        if not outgrown.any():
            break
        epsilon *= 10
        smaller, its_size = _relevance(stack, epsilon)
        found = torch.where(outgrown.unsqueeze(1), smaller, found)
        size = torch.where(outgrown, its_size, size)
        taken = taken.masked_fill(outgrown, epsilon)
    return Relevance(found, taken)


_LARGEST_EPSILON = 1e6


def _relevance(stack: Stack, epsilon: float) -> tuple[Tensor, Tensor]:
    """The relevance of the inputs, and the size of it and of initial states' (batch,)."""
    layers = walk_back(stack, Chord(epsilon))
    found = of_inputs(stack, layers[0]).mul_(stack.inputs)
    size: Tensor = torch.linalg.vector_norm(found, 1, (0, 2))
    for passes, of_layer in zip(stack.layers, layers, strict=True):
        for passed, of_direction in zip(passes, of_layer, strict=True):
            size += (passed.states[0] * of_direction.states[0]).abs().sum(1)
            if passed.initial_cell is not None and of_direction.cells is not None:
                size += (passed.initial_cell * of_direction.cells[0]).abs().sum(1)
    return found, size


def _size_read(passed: LayerPass) -> Tensor:
    """The sum of the sizes of the terms that the classifier reads of each row (batch,)."""
    size: Tensor = torch.linalg.vector_norm(passed.states[1:] * passed.read, 1, (0, 2))
    if passed.read_cells is not None:
        of_cells = passed.steps.cells[1:] * passed.read_cells
        size += torch.linalg.vector_norm(of_cells, 1, (0, 2))
    return size
