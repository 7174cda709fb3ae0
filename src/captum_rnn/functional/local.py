"""Local delta: the steps that the top level took, against those of references."""

import torch
from torch import Tensor

from captum_rnn.functional.cells import first_order
from captum_rnn.functional.stack import Stack


def local_delta(stack: Stack, reference: Tensor) -> Tensor:
    r"""What each step changed of the output, against the step that a reference would have taken.

    .. math:: \langle h_t - \mathrm{cell}(h_{t-1}, x'_t), \; \textstyle\sum_{u \ge t} g_u \rangle

    with g_u the derivative with respect to what the classifier reads of h_u, added up over the
    directions, each in its own order of reading.

    Args:
        stack: The levels of the layer.
        reference: What stands instead of the input of each step; see `Stack.stepped_with`.

    Returns:
        Scores (time, batch) in the order of the text.
    """
    changes = []
    instead = stack.stepped_with(reference)[-1]
    for direction, (passed, (states, _)) in enumerate(zip(stack.levels[-1], instead, strict=True)):
        read_from_here_on = passed.read.flip(0).cumsum(0).flip(0)
        change = first_order(passed.states[1:] - states, read_from_here_on)
        changes.append(stack.reorder(change, direction))
    return torch.stack(changes).sum(0)
