"""What many predictions read of the states of a recurrent layer."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from captum_rnn.functional.propagation import Ends
from captum_rnn.functional.stack import Stack

AddRead: TypeAlias = Callable[[Tensor, int, slice], None]
"""Adds to the multipliers of some predictions (batch, predictions, state) what they read directly.

It is given the multipliers, the number of the step, and which of the predictions they are of.
"""

_NUMBERS_KEPT = 1 << 26


class Reads(NamedTuple):
    """What some predictions read of one direction of a layer, in its order of reading.

    Attributes:
        states: Of its states.
        cells: Of an LSTM's cell states.
        alive: The predictions that read the state after each step or a later one.
    """

    states: AddRead
    cells: AddRead
    alive: Sequence[slice]


def reads_of_own_steps(stack: Stack, steps: Tensor) -> list[list[Reads]]:
    """What predictions read that each read one step of the top layer's output and no other.

    Args:
        stack: The stacked layers; what is read of the top one are the derivatives of all
            predictions.
        steps: The step of the text that each prediction reads (predictions,), ascending.
    """
    time = len(stack.inputs)
    after = torch.searchsorted(steps, torch.arange(time, device=steps.device)).tolist()
    forwards = [slice(first, len(steps)) for first in after]
    backwards = [slice(0, first) for first in (*after[1:], len(steps))][::-1]
    is_one_way = len(stack.layers[-1]) == 1
    every = forwards if is_one_way else [slice(0, len(steps))] * time
    below = [[Reads(_nothing, _nothing, every) for _ in layer] for layer in stack.layers[:-1]]
    top = []
    for direction, passed in enumerate(stack.layers[-1]):
        read_at = steps.unsqueeze(0)
        if direction == 1:
            ends = steps.new_tensor([time]) if stack.ends is None else stack.ends
            read_at = ends.unsqueeze(1) - 1 - read_at
        alive = backwards if direction == 1 else forwards
        top.append(Reads(partial(_add_own, passed.read, read_at), _nothing, alive))
    return [*below, top]


def reads_of_all(each: Sequence[Sequence[Sequence[Ends]]]) -> list[list[Reads]]:
    """What predictions read that may read anything.

    Args:
        each: For each prediction, layer and direction, what it reads of the states (time, batch,
            state), and of an LSTM's cell states.
    """
    return [
        [_of_direction(of_direction) for of_direction in zip(*of_layer, strict=True)]
        for of_layer in zip(*each, strict=True)
    ]


def predictions_at_once(stack: Stack, own_steps: bool) -> int:
    """How many predictions to walk back together, so that some 256 MB hold what is kept of them.

    Args:
        stack: The stacked layers.
        own_steps: Whether each reads a step of its own; else all that they read is kept.
    """
    time, batch, width = stack.layers[-1][0].read.shape
    kept = len(stack.layers) - 1 + (0 if own_steps else len(stack.layers))
    of_one = batch * width * len(stack.layers[0]) * (2 + time * kept)
    return max(1, _NUMBERS_KEPT // of_one)


def _of_direction(each: Sequence[Ends]) -> Reads:
    states, cells = zip(*each, strict=True)
    every = [slice(0, len(states))] * len(states[0])
    known = next((of_one for of_one in cells if of_one is not None), None)
    of_cells: AddRead = _nothing
    if known is not None:
        zeros = torch.zeros_like(known)
        all_cells = [zeros if of_one is None else of_one for of_one in cells]
        of_cells = partial(_add_all, torch.stack(all_cells, 2))
    return Reads(partial(_add_all, torch.stack(states, 2)), of_cells, every)


def _nothing(to: Tensor, step: int, alive: slice) -> None:
    pass


def _add_own(read: Tensor, read_at: Tensor, to: Tensor, step: int, alive: slice) -> None:
    """Each prediction reads the derivative (batch, state) of its own step (batch, predictions)."""
    is_own = (read_at[:, alive] == step).unsqueeze(2)
    to.addcmul_(read[step].unsqueeze(1), is_own.to(to.dtype))


def _add_all(read: Tensor, to: Tensor, step: int, alive: slice) -> None:
    """Each prediction reads what it reads (time, batch, predictions, state)."""
    to += read[step][:, alive]
