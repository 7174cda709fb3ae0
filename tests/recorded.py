"""What one run of a model reads of its recurrent layer."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.recording import (
    ReadGradient,
    check_derivable,
    detached,
    read_gradients_of,
    record,
)


def record_read_gradients(
    layer: nn.Module, forward: Callable[[], Tensor]
) -> tuple[Tensor, list[LayerCall], list[ReadGradient]]:
    """Runs `forward` once, and one backward pass from its sum that stops at the layer's output.

    The layer itself runs under `no_grad`: the backward pass never enters the recurrence, so it is
    cheap, and on a GPU it never meets cuDNN's ban on backward passes in eval mode.

    Args:
        layer: The recurrent layer.
        forward: Runs the model and returns the explained value of each row (batch,).

    Returns:
        The explained values, the calls of the layer, and for each call the derivatives of the
        explained values with respect to what the model read of it; all detached.

    Raises:
        ValueError: The explained values do not depend on the layer's output, or the caller is in
            `torch.inference_mode`.
    """
    check_derivable()
    values: list[Tensor] = []
    with torch.enable_grad():
        recording = record([layer], lambda: values.append(forward()), differentiable=True)
        gradients = read_gradients_of(values[0], recording)
    return values[0].detach(), [detached(call) for call in recording.calls], gradients
