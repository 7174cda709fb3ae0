"""What a model makes of a layer whose states stay as they were before the first token."""

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from captum_rnn.states.calls import as_output, layer_call, renested, shown_state
from captum_rnn.states.hooks import LayerCall, LayerData, compiled_code_runs_eagerly, watched
from captum_rnn.states.kernels import KernelCalls
from captum_rnn.states.layers import form_of, runs_torchs_own_code
from captum_rnn.states.recording import data_of, with_data


def read_at_rest(layer: nn.Module, forward: Callable[[], Tensor]) -> Tensor:
    """What `forward` returns if all states of the layer stay as they were before the first token.

    The outputs after every step and the final states are replaced by the initial states.
    """

    def begin(index: int) -> None:
        kernels.begin(layer)

    def rest(
        index: int, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> Any:
        call = layer_call(module, args, kwargs, output)
        if kernels.end(call) is not None:  # the subclass went on with its kernel at rest
            return None
        outputs, *final = _at_rest(layer, call)
        return renested(module, output, outputs, final)

    kernels = KernelCalls(lambda call: (call, _at_rest(layer, call)))
    catching = contextlib.nullcontext() if runs_torchs_own_code(layer) else kernels
    with torch.no_grad(), catching, watched([layer], begin, rest), compiled_code_runs_eagerly():
        return forward()


def _at_rest(layer: nn.Module, call: LayerCall) -> list[Any]:
    """Outputs and final states, all of them the initial ones."""
    final = call.initial or tuple(torch.zeros_like(state) for state in call.final)
    if form_of(layer).has_gates:
        return [_repeated(layer, call.output, final[0]), *final]
    return [_other_at_rest(layer, call), *final]


def _other_at_rest(layer: nn.Module, call: LayerCall) -> Tensor:
    """The output before the first step, where that is known, else zeros, at every step."""
    batch_first = form_of(layer).batch_first
    shown = shown_state(call, batch_first)
    at_rest = torch.zeros_like(data_of(call.output))
    if call.initial is not None and shown is not None:
        at_rest += as_output(call.initial[shown]).unsqueeze(1 if batch_first else 0)
    return at_rest


def _repeated(layer: nn.Module, output: LayerData, initial: Tensor) -> LayerData:
    """The top level's initial state in place of the output of every step."""
    form = form_of(layer)
    top = initial[-form.directions :]
    state = torch.cat(list(top), -1)  # (batch, direction · hidden), or without batch
    if isinstance(output, PackedSequence):
        if output.sorted_indices is not None:
            state = state[output.sorted_indices]
        return with_data(output, torch.cat([state[:rows] for rows in output.batch_sizes.tolist()]))
    if form.batch_first and output.dim() == 3:
        state = state.unsqueeze(1)
    return state.expand_as(output)
