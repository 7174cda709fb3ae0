"""One forward pass, and what the recurrent layer in it was given and answered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from captum_rnn.states.hooks import (
    LayerCall,
    LayerData,
    compiled_code_runs_eagerly,
    layer_call,
)


@dataclass(frozen=True)
class ReadGradient:
    """Derivatives of the explained value with respect to what the model read of a layer call.

    Attributes:
        output: Like the call's output, or None if the model does not use it.
        final: Like the call's final states, each None if the model does not use it.
    """

    output: LayerData | None
    final: tuple[Tensor | None, ...]


def recurrent_layer(layer: object) -> nn.RNNBase:
    """Returns `layer`, or what `torch.compile` wraps in it, if it is recurrent.

    Raises:
        TypeError: It is no `nn.RNN`, `nn.LSTM`, `nn.GRU` or a subclass of them.
    """
    if isinstance(layer, (nn.RNN, nn.LSTM, nn.GRU)):
        return layer
    if hasattr(layer, "_orig_mod"):
        return recurrent_layer(layer._orig_mod)
    kind = layer.__name__ if isinstance(layer, type) else type(layer).__name__
    raise TypeError(
        f"the layer is of type {kind}, which is not recurrent; pass the nn.RNN, nn.LSTM or nn.GRU "
        "of the model as layer, e.g. HiddenStateDeltaAttribution(model, model.lstm)"
    )


def record_calls(layer: nn.RNNBase, forward: Callable[[], Any]) -> list[LayerCall]:
    """Runs `forward` once under `no_grad`; what `layer` was given and answered, call by call.

    A model that goes on to change its layer's output in place, as `nn.ReLU(inplace=True)` does, is
    run once more with a copy of it. The hook is taken off again whatever happens.

    Raises:
        TypeError: The layer was called or answered in a way that `nn.RNNBase` does not.
    """
    calls, versions = _record(layer, forward)
    if [_version(call) for call in calls] != versions:
        calls, _ = _record(layer, forward, copied=True)
    return calls


def _record(
    layer: nn.RNNBase, forward: Callable[[], Any], *, copied: bool = False
) -> tuple[list[LayerCall], list[int]]:
    """The calls, and how often the data of each output had been changed when it was answered."""
    calls: list[LayerCall] = []
    versions: list[int] = []

    def record(
        module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> None:
        call = layer_call(module, args, kwargs, output)
        if copied:
            call = replace(call, output=_with_data(call.output, _data(call.output).clone()))
        calls.append(call)
        versions.append(_version(call))

    handle = layer.register_forward_hook(record, with_kwargs=True)
    try:
        with torch.no_grad(), compiled_code_runs_eagerly():
            forward()
    finally:
        handle.remove()
    return calls, versions


def _version(call: LayerCall) -> int:
    """How often the output was changed in place; unknown, and so 0, under inference_mode."""
    data = _data(call.output)
    return 0 if data.is_inference() else data._version


def record_read_gradients(
    layer: nn.RNNBase, forward: Callable[[], Tensor]
) -> tuple[Tensor, list[LayerCall], list[ReadGradient]]:
    """Runs `forward` once, and one backward pass from its sum that stops at the layer's output.

    The layer itself runs under `no_grad`: the backward pass never enters the recurrence, so it is
    cheap, and on a GPU it never meets cuDNN's ban on backward passes in eval mode.

    Args:
        layer: The recurrent layer.
        forward: Runs the model and returns the explained value of each row (batch,).

    A model that changes what it reads of the layer in place is run once more, with copies.

    Returns:
        The explained values, the calls of the layer, and for each call the derivatives of the
        explained values with respect to what the model read of it; all detached.

    Raises:
        ValueError: The explained values do not depend on the layer's output, or the caller is in
            `torch.inference_mode`.
    """
    if torch.is_inference_mode_enabled():
        raise ValueError(
            "the method needs a derivative of the model's output, which torch.inference_mode() "
            "rules out; call it under torch.no_grad() instead"
        )
    try:
        return _record_read_gradients(layer, forward, copied=False)
    except _ChangedInPlaceError:
        return _record_read_gradients(layer, forward, copied=True)


class _ChangedInPlaceError(RuntimeError):
    """The model changed what it read of the layer in place."""


def _record_read_gradients(
    layer: nn.RNNBase, forward: Callable[[], Tensor], *, copied: bool
) -> tuple[Tensor, list[LayerCall], list[ReadGradient]]:
    """`record_read_gradients`; with `copied` the model reads copies, which it may change."""
    calls: list[LayerCall] = []
    versions: list[int] = []

    def suspend_gradients(module: nn.Module, args: tuple[Any, ...]) -> None:
        torch.set_grad_enabled(False)

    def record(
        module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> Any:
        call = layer_call(module, args, kwargs, output)
        torch.set_grad_enabled(True)
        leaf_output = _with_data(call.output, _data(call.output).detach().requires_grad_())
        leaf_final = tuple(state.detach().requires_grad_() for state in call.final)
        calls.append(replace(call, output=leaf_output, final=leaf_final))
        versions.append(_versions(calls[-1]))
        read_output, read_final = leaf_output, leaf_final
        if copied:
            read_output = _with_data(leaf_output, _data(leaf_output).clone())
            read_final = tuple(state.clone() for state in leaf_final)
        return read_output, read_final if isinstance(output[1], tuple) else read_final[0]

    handles = [
        layer.register_forward_pre_hook(suspend_gradients),
        layer.register_forward_hook(record, with_kwargs=True),
    ]
    try:
        with torch.enable_grad(), compiled_code_runs_eagerly():
            values = forward()
            if [_versions(call) for call in calls] != versions:
                raise _ChangedInPlaceError
            gradients = [_read_gradient(values, call) for call in calls]
    except RuntimeError as error:
        if "leaf Variable" in str(error):  # torch's words for such a change under autograd
            raise _ChangedInPlaceError from error
        raise
    finally:
        for handle in handles:
            handle.remove()
    return values.detach(), [_detached(call) for call in calls], gradients


def _versions(call: LayerCall) -> int:
    """How often any of what the layer answered was changed in place."""
    return sum(tensor._version for tensor in (_data(call.output), *call.final))


def read_at_rest(layer: nn.RNNBase, forward: Callable[[], Tensor]) -> Tensor:
    """What `forward` returns if all states of the layer stay as they were before the first token.

    The outputs after every step and the final states are replaced by the initial states.
    """

    def rest(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        call = layer_call(module, args, kwargs, output)
        final = call.initial or tuple(torch.zeros_like(state) for state in call.final)
        outputs = _repeated(layer, call.output, final[0])
        return outputs, final if isinstance(output[1], tuple) else final[0]

    handle = layer.register_forward_hook(rest, with_kwargs=True)
    try:
        with torch.no_grad(), compiled_code_runs_eagerly():
            return forward()
    finally:
        handle.remove()


def _repeated(layer: nn.RNNBase, output: LayerData, initial: Tensor) -> LayerData:
    """The top level's initial state in place of the output of every step."""
    top = initial[-2:] if layer.bidirectional else initial[-1:]
    state = torch.cat(list(top), -1)  # (batch, direction · hidden), or without batch
    if isinstance(output, PackedSequence):
        if output.sorted_indices is not None:
            state = state[output.sorted_indices]
        return _with_data(output, torch.cat([state[:rows] for rows in output.batch_sizes.tolist()]))
    if layer.batch_first and output.dim() == 3:
        state = state.unsqueeze(1)
    return state.expand_as(output)


def _read_gradient(values: Tensor, call: LayerCall) -> ReadGradient:
    leaves = [_data(call.output), *call.final]
    found: Sequence[Tensor | None] = [None] * len(leaves)
    if values.requires_grad:
        found = torch.autograd.grad(values.sum(), leaves, allow_unused=True, retain_graph=True)
    if all(gradient is None for gradient in found):
        raise ValueError(
            "the model's output does not depend on the output of the recurrent layer; pass the "
            "layer that the classifier reads, and a forward_func that does not detach"
        )
    of_output, *of_final = found
    return ReadGradient(
        None if of_output is None else _with_data(call.output, of_output), tuple(of_final)
    )


def _detached(call: LayerCall) -> LayerCall:
    output = _with_data(call.output, _data(call.output).detach())
    return replace(call, output=output, final=tuple(s.detach() for s in call.final))


def _data(output: LayerData) -> Tensor:
    return output.data if isinstance(output, PackedSequence) else output


def _with_data(output: LayerData, data: Tensor) -> LayerData:
    if not isinstance(output, PackedSequence):
        return data
    return PackedSequence(data, output.batch_sizes, output.sorted_indices, output.unsorted_indices)
