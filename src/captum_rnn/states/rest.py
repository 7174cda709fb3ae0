"""What a model makes of a layer whose states stay as they were before the first token."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from captum_rnn.states.calls import as_output, layer_call, renested, shown_state
from captum_rnn.states.hooks import LayerCall, LayerData, compiled_code_runs_eagerly, watched
from captum_rnn.states.kernels import KernelCalls
from captum_rnn.states.layers import form_of, runs_torchs_own_code
from captum_rnn.states.recording import data_of, with_data


def read_at_rest(
    modules: Sequence[nn.Module],
    forward: Callable[[], Tensor],
    initial: Sequence[tuple[Tensor, ...] | None] = (),
) -> Tensor:
    """What `forward` returns if all states of layers stay as they were before the first token.

    The outputs after every step and the final states are replaced by the initial states.

    Args:
        modules: The layers, or cells.
        forward: Runs the model.
        initial: The initial states of the calls, in their order, where they are not those that the
            model gives now; it may have kept others from an earlier run.
    """

    def at_rest(number: int, module: nn.Module, call: LayerCall) -> list[Any]:
        begun = (initial[number] if number < len(initial) else None) or call.initial
        first = begun or tuple(torch.zeros_like(state) for state in call.final)
        final = [state.clone() for state in first]  # which the model may change
        if isinstance(module, nn.RNNCellBase) or not form_of(module).has_gates:
            return [_other_at_rest(module, replace(call, initial=begun)), *final]
        return [_repeated(module, call.output, final[0]), *final]

    return read_instead(modules, forward, at_rest)


def begun_with(
    modules: Sequence[nn.Module], forward: Callable[[], Any]
) -> list[tuple[Tensor, ...] | None]:
    """The initial states of the calls of layers in a run, in their order; None: none were given."""
    begun: list[tuple[Tensor, ...] | None] = []

    def as_they_are(number: int, module: nn.Module, call: LayerCall) -> list[Any]:
        begun.append(call.initial and tuple(state.clone() for state in call.initial))
        return [call.output, *call.final]

    read_instead(modules, forward, as_they_are)
    return begun


def read_instead(
    modules: Sequence[nn.Module],
    forward: Callable[[], Tensor],
    states: Callable[[int, nn.Module, LayerCall], list[Any]],
) -> Tensor:
    """What `forward` returns if it reads other states of layers than theirs.

    Args:
        modules: The layers, or cells.
        forward: Runs the model.
        states: From the number of a call, the layer and the call to the output and the final states
            that the model goes on with.
    """

    def begin(index: int) -> None:
        running.append((next(numbers), modules[index]))
        kernels.begin(modules[index])

    def rest(
        index: int, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> Any:
        number, _ = running.pop()
        call = layer_call(module, args, kwargs, output)
        if kernels.end(call) is not None:  # the subclass went on with its kernel's other states
            return None
        outputs, *final = states(number, module, call)
        return renested(module, output, outputs, final)

    running: list[tuple[int, nn.Module]] = []
    numbers = count()
    kernels = KernelCalls(lambda call: (call, states(*running[-1], call)))
    plain = all(runs_torchs_own_code(module) for module in modules)
    catching = contextlib.nullcontext() if plain else kernels
    hooks = watched(list(modules), begin, rest)
    with torch.no_grad(), catching, hooks, compiled_code_runs_eagerly():
        return forward()


def _other_at_rest(layer: nn.Module, call: LayerCall) -> Tensor:
    """The output before the first step, where that is known, else zeros, at every step."""
    batch_first = form_of(layer).batch_first
    shown = shown_state(call, batch_first)
    at_rest = torch.zeros_like(data_of(call.output))
    if call.initial is not None and shown is not None:
        at_rest += as_output(call.initial[shown]).unsqueeze(1 if batch_first else 0)
    return at_rest


def _repeated(layer: nn.Module, output: LayerData, initial: Tensor) -> LayerData:
    """The top layer's initial state in place of the output of every step."""
    form = form_of(layer)
    top = initial[-form.directions :]
    state = torch.cat(list(top), -1)  # (batch, direction · hidden), or without batch
    if isinstance(output, PackedSequence):
        if output.sorted_indices is not None:
            state = state[output.sorted_indices]
        return with_data(output, torch.cat([state[:rows] for rows in output.batch_sizes.tolist()]))
    if form.batch_first and output.dim() == 3:
        state = state.unsqueeze(1)
    return state.expand_as(output).contiguous()
