"""What layers above others would have read of baselines, step by step.

Each layer is given, in the place of what the layers below it answered, what their steps would have
made of the baseline from the states that they were in: one step beside the run, not another run.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from captum_rnn.functional.baseline import BaselineRun, DirectionRun
from captum_rnn.functional.stack import Stack
from captum_rnn.states.baseline import Baselines, GivenOnBaselines, steps_read
from captum_rnn.states.head import answered
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.layers import form_of, recurrent_layer
from captum_rnn.states.recovery import unstack
from captum_rnn.states.rest import read_instead


def given_step_by_step(
    layers: Sequence[nn.Module],
    forward: Callable[[], Any],
    baselines: Baselines,
    calls: Sequence[LayerCall],
    owners: Sequence[int],
) -> GivenOnBaselines:
    """Runs the model on baselines, its layers answering with steps from their recorded states.

    Args:
        layers: The recurrent layers.
        forward: Runs the model on the inputs of the baselines.
        baselines: The baselines.
        calls: The calls of the layers on the inputs themselves.
        owners: Which of the layers each call is of.

    Raises:
        ValueError: The layers run less often, in another order or read other steps than on the
            inputs, one of them is not torch's, or ids were not looked up.
    """
    read: list[Tensor] = []
    initial: list[tuple[Tensor, ...] | None] = []

    def instead(number: int, module: nn.Module, call: LayerCall) -> list[Any]:
        if number >= len(calls) or module is not layers[owners[number]]:
            raise ValueError(
                "on the baselines the model calls its layers more often or in another order than "
                "on the inputs, so that their steps cannot be compared"
            )
        own, layer = calls[number], recurrent_layer(module)
        read.append(steps_read(module, own, call.input))
        initial.append(call.initial)
        with torch.autocast(read[-1].device.type, enabled=False):  # as the model may run in it
            made = answer(layer, own, read[-1])
        return [made.output, *made.final]

    def answer(layer: nn.Module, own: LayerCall, of_steps: Tensor) -> LayerCall:
        stack = unstack(layer, own)
        if not stack.knows_slopes:
            raise ValueError(
                f"baselines are given for {len(layers)} layers that read each other, of which "
                f"{type(layer).__name__} is followed step by step; pass one layer alone, or leave "
                "baselines out"
            )
        of_text = of_steps.view(stack.inputs.shape[1], -1, of_steps.shape[1]).transpose(0, 1)
        return answered(own, _beside(stack, of_text), batch_first=form_of(layer).batch_first)

    with torch.no_grad(), baselines:
        read_instead(layers, forward, instead)
    if len(read) < len(calls):
        raise ValueError(
            f"the layers ran {len(read)} time(s) on the baselines, but {len(calls)} time(s) on the "
            "inputs, so that their steps cannot be compared"
        )
    baselines.check_looked_up()
    return GivenOnBaselines(read, initial)


def _beside(stack: Stack, reference: Tensor) -> BaselineRun:
    """The states that reference inputs would have made of each previous state, as one run."""
    runs = []
    for layer, made in zip(stack.layers, stack.stepped_with(reference), strict=True):
        of_layer = []
        for passed, (states, cells) in zip(layer, made, strict=True):
            path = torch.cat([passed.states[:1], states])
            if cells is not None:
                assert passed.initial_cell is not None
                cells = torch.cat([passed.initial_cell.unsqueeze(0), cells])
            of_layer.append(DirectionRun(path, cells, None))
        runs.append(of_layer)
    return BaselineRun(reference, runs, stack.ends)
