"""Local delta: the steps that the top level took, against those of references."""

import torch
from torch import Tensor

from captum_rnn.functional.cells import first_order
from captum_rnn.functional.stack import Stack


def local_delta(stack: Stack, reference: Tensor) -> Tensor:
    r"""What each step changed of the output, against the step that a reference would have taken.

    .. math:: \langle h_t - \mathrm{cell}(h_{t-1}, x'_t), \; \textstyle\sum_{u \ge t} g_u \rangle

    with g_u the derivative with respect to what the classifier reads of h_u, added up over the
    directions, each in its own order of reading, over the levels, and over cell states likewise.

    Args:
        stack: The levels of the layer.
        reference: What stands instead of the input of each step; see `Stack.stepped_with`.

    Returns:
        Scores (time, batch) in the order of the text.
    """
    changes = []
    instead = stack.stepped_with(reference)
    for level, of_level in zip(stack.levels, instead, strict=True):
        for direction, (passed, (states, cells)) in enumerate(zip(level, of_level, strict=True)):
            if level is stack.levels[-1] or bool(passed.read.any()):
                change = first_order(passed.states[1:] - states, _from_here_on(passed.read))
                changes.append(stack.reorder(change, direction))
            if passed.read_cells is not None and cells is not None:
                steps = passed.steps.cells[1:] - cells
                change = first_order(steps, _from_here_on(passed.read_cells))
                changes.append(stack.reorder(change, direction))
    return torch.stack(changes).sum(0)


def _from_here_on(read: Tensor) -> Tensor:
    """What is read of each step and of all later ones."""
    return read.flip(0).cumsum(0).flip(0)
