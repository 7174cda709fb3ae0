"""What a token would change that is put into a text, to first order."""

from collections.abc import Sequence

import torch
from torch import Tensor

from captum_rnn.functional.propagation import Ends
from captum_rnn.functional.stack import Stack


def insertion_changes(
    stack: Stack, worth: Sequence[Sequence[Ends]], inputs: Tensor, rows: Tensor, after: Tensor
) -> Tensor:
    r"""First-order change of the output by each token that is put in between two steps.

    .. math:: \langle \mathrm{cell}(s_j, x) - s_j, \mathrm{d} f / \mathrm{d} s_j \rangle

    summed over the layers and directions, s_j being the state that it is read after; the layers
    above read what it makes of those below. The classifier is taken to read the new state as it
    reads the one that it is made of.

    Args:
        stack: The stacked layers, of rows that are all full.
        worth: Of all states, from `captum_rnn.functional.propagation.worth_of_states`.
        inputs: What the lowest layer would read of each token (tokens, features).
        rows: The row that each is put into (tokens,).
        after: The number of steps that stand before it there (tokens,), in the order of the text.

    Returns:
        The changes (tokens,).
    """
    changes = inputs.new_zeros(len(inputs))
    for layer, of_layer in zip(stack.layers, worth, strict=True):
        made = []
        for direction, (passed, worths) in enumerate(zip(layer, of_layer, strict=True)):
            place = (after if direction == 0 else len(passed.inputs) - after), rows
            before = passed.states[place], None
            if passed.initial_cell is not None:
                before = before[0], passed.steps.cells[place]
            then = passed.cell.after(inputs, *before)
            for new, old, worth_here in zip(then, before, worths, strict=True):
                if new is not None and old is not None and worth_here is not None:
                    changes += ((new - old) * worth_here[place]).sum(1)
            made.append(then[0])
        inputs = torch.cat(made, 1)
    return changes
