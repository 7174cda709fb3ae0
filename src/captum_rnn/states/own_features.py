"""Whether layers read the very features of a model's inputs, or what was made of them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.layers import form_of
from captum_rnn.states.places import Placement
from captum_rnn.states.recording import data_of
from captum_rnn.states.stacked_layers import time_first


def own_features(
    layers: Sequence[nn.Module],
    calls: Sequence[LayerCall],
    grids: Sequence[tuple[int, int]],
    is_low: Sequence[bool],
    placement: Placement,
    inputs: Sequence[Tensor],
) -> list[bool]:
    """For each input, whether the lowest layers read its very features, several of them.

    Args:
        layers: The layer of each trajectory.
        calls: The call of it.
        grids: Its rows and steps.
        is_low: Whether it reads no other trajectory.
        placement: Which tokens the steps of the trajectories read.
        inputs: The inputs.
    """
    widths = {call.features for call, low in zip(calls, is_low, strict=True) if low}
    if len(widths) != 1:
        return [False] * len(inputs)
    width = widths.pop()
    read = [
        time_first(call.input, form_of(layer).batch_first)[0].transpose(0, 1)
        if low
        else data_of(call.input).new_zeros(*grid, width)
        for layer, call, grid, low in zip(layers, calls, grids, is_low, strict=True)
    ]
    if not all(is_low):
        sizes = torch.tensor([rows * time for rows, time in grids], device=placement.steps.device)
        chosen = torch.tensor(is_low, device=sizes.device).repeat_interleave(sizes)
        placement = placement.of_steps(chosen)
    return placement.reads_as_they_are(torch.cat([part.flatten(0, 1) for part in read]), inputs)
