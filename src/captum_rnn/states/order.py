"""Whether the outputs of a layer that is not torch's are the states of a reading in order."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from captum_rnn.states.calls import split_answer
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.layers import as_list, form_of, parts_of
from captum_rnn.states.stepping import isolated, undisturbed


def check_reads_in_order(layer: nn.Module, call: LayerCall) -> None:
    """Looks whether an output depends on what stands before it, and on nothing behind it.

    One more call of the layer and two backward passes through it. A layer that reads no vectors, or
    that cannot be differentiated, is taken at its word.

    Args:
        layer: The layer.
        call: A call of it.

    Raises:
        ValueError: It does not answer with one state for each step, or it reads the time first.

    Warns:
        UserWarning: An output depends on later steps, or on no earlier one.
    """
    read, shown, name = call.input, call.output, type(layer).__name__
    assert isinstance(shown, Tensor)
    if not isinstance(read, Tensor) or read.dim() != 3 or not read.is_floating_point():
        return
    axis = 1 if form_of(layer).batch_first else 0
    if shown.shape[:2] != read.shape[:2]:
        raise ValueError(
            f"{name} answered {tuple(read.shape)} with {tuple(shown.shape)}; expected one state "
            "for each step, with the batch and the time of what it reads"
        )
    try:
        of_earlier, of_later = _dependence(layer, call, read, axis)
        along_batch = not (of_earlier or of_later) and any(_dependence(layer, call, read, 1 - axis))
    except RuntimeError:
        return
    if along_batch:
        raise ValueError(
            f"the outputs of {name} depend on each other along axis {1 - axis} of what it reads, "
            f"not along axis {axis}, which is taken for the time; if it reads "
            f"({'time, batch' if axis else 'batch, time'}, features), set its attribute "
            f"batch_first = {not axis}"
        )
    if read.shape[axis] < 2:
        return
    if of_later:
        warnings.warn(
            f"an output of {name} depends on what it reads later, so that its outputs are not the "
            "states of a reading in order; what is attributed to a step also holds what follows "
            f"it{_instead(layer)}",
            stacklevel=2,
        )
    elif not of_earlier:
        warnings.warn(
            f"the outputs of {name} do not depend on what it read before, as those of a recurrent "
            "layer do; the differences of its outputs say nothing of a state",
            stacklevel=2,
        )


def _instead(layer: nn.Module) -> str:
    """What to pass in place of a layer that reads in both directions, if it is made of two."""
    parts = parts_of(layer)
    if len(parts) < 2:
        return ""
    return f"; if it reads in both directions, pass what it is made of: {as_list(parts)}, or one"


def _dependence(layer: nn.Module, call: LayerCall, read: Tensor, axis: int) -> tuple[bool, bool]:
    """Whether outputs depend on what stands before and behind them, halved along an axis."""
    half = read.shape[axis] // 2
    if half == 0:
        return False, False
    early, late = _derivatives(layer, call, read, axis, half)
    _, of_later = _halves(early, axis, half)
    of_earlier, _ = _halves(late, axis, half)
    return bool(of_earlier.any()), bool(of_later.nan_to_num().any())


def _derivatives(
    layer: nn.Module, call: LayerCall, read: Tensor, axis: int, half: int
) -> tuple[Tensor, Tensor]:
    """Of a sum over either half of the outputs, with respect to the input."""
    with torch.enable_grad(), undisturbed(read.device):
        leaf = read.detach().requires_grad_()
        args, kwargs = _with_input(call.arguments, leaf)
        module = isolated(layer, call.weights)
        output, _ = split_answer(module, module.forward(*args, **kwargs))
        weights = torch.arange(output.numel(), device=read.device).cos().view_as(output)
        sums = [part.sum() for part in _halves(output * weights, axis, half)]
    early, late = (
        torch.autograd.grad(total, leaf, retain_graph=True, materialize_grads=True)[0]
        for total in sums
    )
    return early, late


def _halves(values: Tensor, axis: int, half: int) -> tuple[Tensor, Tensor]:
    return values.narrow(axis, 0, half), values.narrow(axis, half, values.shape[axis] - half)


def _with_input(
    arguments: tuple[tuple[Any, ...], dict[str, Any]], read: Tensor
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call with another input, which is their first tensor."""
    args, kwargs = list(arguments[0]), dict(arguments[1])
    for place, value in enumerate(args):
        if isinstance(value, Tensor):
            args[place] = read
            return args, kwargs
    name = next(name for name, value in kwargs.items() if isinstance(value, Tensor))
    return args, {**kwargs, name: read}
