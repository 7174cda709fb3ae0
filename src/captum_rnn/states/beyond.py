"""Whether a classifier reads states of padding, by the lengths that were given."""

import torch
from torch import Tensor, nn

from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.layers import form_of
from captum_rnn.states.recording import ReadGradient
from captum_rnn.states.trajectory import Trajectory, read_gradients


def check_nothing_read_beyond(
    layer: nn.Module, call: LayerCall, path: Trajectory, gradient: ReadGradient
) -> None:
    """Raises ValueError if the classifier reads a state beyond the lengths that were given.

    Unless it is the state at the end itself, which padding left as it was.

    Args:
        layer: The layer that was called.
        call: The call.
        path: Its states, with the lengths.
        gradient: What the classifier reads of it.
    """
    forward, lengths = path.directions[0], path.lengths
    if lengths is None or path.read is not None:
        return
    taken = torch.full_like(lengths, path.time) if forward.ends is None else forward.ends
    if not (lengths < taken).any():
        return
    every = torch.cat([of.outputs for of in path.directions], 2)
    outputs, last = _read(layer, call, path, gradient)
    read = (outputs & ~_is_end(every, lengths)) | (last & ~_is_end(forward.outputs, lengths))
    steps = torch.arange(path.time, device=lengths.device)
    beyond = read & (steps >= lengths.unsqueeze(1))
    if beyond.any():
        row = int(beyond.any(1).int().argmax())
        raise ValueError(
            f"lengths does not fit what was read: row {row} has {int(lengths[row])} token(s) "
            f"in the layer, but the model reads the state after step "
            f"{int(beyond[row].int().argmax())}; leave lengths out, or pass the number of tokens "
            "that stand before the padding of each row"
        )


def ends_read(
    layer: nn.Module, call: LayerCall, path: Trajectory, gradient: ReadGradient
) -> Tensor:
    """Number of steps of each row (rows,) up to the last that the classifier reads.

    Args:
        layer: The layer that was called, which reads forward only.
        call: The call.
        path: Its states.
        gradient: What the classifier reads of it.
    """
    outputs, last = _read(layer, call, path, gradient)
    steps = torch.arange(1, path.time + 1, device=outputs.device)
    return (steps * (outputs | last)).amax(1)


def _read(
    layer: nn.Module, call: LayerCall, path: Trajectory, gradient: ReadGradient
) -> tuple[Tensor, Tensor]:
    """After which steps (rows, time) an output is read, and after which the last state."""
    forward = path.directions[0]
    outputs = _outputs_read(layer, call, gradient, forward.outputs)
    taken = forward.ends
    if taken is None:
        taken = torch.full((len(outputs),), path.time, device=outputs.device)
    steps = torch.arange(path.time, device=outputs.device)
    is_last = steps == (taken - 1).unsqueeze(1)
    return outputs, _last_read(layer, gradient, outputs).unsqueeze(1) & is_last


def _is_end(outputs: Tensor, lengths: Tensor) -> Tensor:
    """Which outputs (rows, time) are the same as that after the last token of the row."""
    rows = torch.arange(len(lengths), device=lengths.device)
    at_end = outputs[rows, (lengths - 1).clamp(min=0)].unsqueeze(1)
    return (outputs == at_end).all(2) & (lengths > 0).unsqueeze(1)


def _outputs_read(
    layer: nn.Module, call: LayerCall, gradient: ReadGradient, like: Tensor
) -> Tensor:
    """Which outputs (rows, time) are read."""
    if gradient.output is None:
        return torch.zeros_like(like[:, :, 0], dtype=torch.bool)
    reads = read_gradients(layer, call, ReadGradient(gradient.output, (None,) * len(call.final)))
    found = torch.stack([(of.outputs != 0).any(2) for of in reads if of.outputs is not None])
    return found.any(0)


def _last_read(layer: nn.Module, gradient: ReadGradient, like: Tensor) -> Tensor:
    """Of which rows (rows,) a state after the last step forward is read."""
    form, found = form_of(layer), torch.zeros_like(like[:, 0])
    for states in gradient.final:
        if states is None:
            continue
        if form.has_gates:
            of_rows = states if states.dim() == 3 else states.unsqueeze(1)
            found = found | (of_rows[:: form.directions] != 0).any(2).any(0)
        elif states.shape[0] == len(found):
            found = found | (states != 0).flatten(1).any(1)
    return found
