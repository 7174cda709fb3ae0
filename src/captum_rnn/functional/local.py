"""Local delta: the steps that the top layer took, against those of references."""

import torch
from torch import Tensor

from captum_rnn.functional.propagation import Ends, step_changes
from captum_rnn.functional.stack import Stack


def local_delta(stack: Stack, reference: Tensor) -> Tensor:
    r"""What each step changed of the output, against the step that a reference would have taken.

    .. math:: \langle h_t - \mathrm{cell}(h_{t-1}, x'_t), \; \textstyle\sum_{u \ge t} g_u \rangle

    with g_u the derivative with respect to what the classifier reads of h_u, added up over the
    directions, each in its own order of reading, over the layers, and over cell states likewise.

    Args:
        stack: The stacked layers.
        reference: What stands instead of the input of each step; see `Stack.stepped_with`.

    Returns:
        Scores (time, batch) in the order of the text.
    """
    return step_changes(stack, stack.stepped_with(reference), read_from_here_on(stack))


def read_from_here_on(stack: Stack) -> list[list[Ends]]:
    """What is read of each state, and of each cell state, at its step and at all later ones."""
    return [
        [
            (
                _from_here_on(passed.read),
                None if passed.read_cells is None else _from_here_on(passed.read_cells),
            )
            for passed in layer
        ]
        for layer in stack.layers
    ]


def all_read(stack: Stack) -> tuple[Tensor, ...]:
    """What is read of all states of each layer and direction (number, batch, state), added up.

    Returns:
        That and, of an LSTM, the same of the cell states.
    """
    passes = [passed for layer in stack.layers for passed in layer]
    found = [torch.stack([passed.read.sum(0) for passed in passes])]
    cells = [
        torch.zeros_like(passed.initial_cell)
        if passed.read_cells is None
        else passed.read_cells.sum(0)
        for passed in passes
        if passed.initial_cell is not None
    ]
    return stack.as_given((*found, torch.stack(cells)) if cells else tuple(found))


def _from_here_on(read: Tensor) -> Tensor:
    return read.flip(0).cumsum(0).flip(0)
