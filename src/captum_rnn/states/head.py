"""What a model makes of other states than its recurrent layer gave it.

The layer does not run for it: what stands before it and behind it does, as often as it is asked.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from captum_rnn.functional.baseline import BaselineRun
from captum_rnn.states.hooks import LayerCall, LayerData, compiled_code_runs_eagerly
from captum_rnn.states.kernels import kernels_answer
from captum_rnn.states.recording import (
    ReadGradient,
    Recording,
    data_of,
    read_gradients_of,
    with_data,
)
from captum_rnn.states.steps import steps_of


def head_values(
    layer: nn.Module, forward: Callable[[], Tensor], calls: Sequence[LayerCall]
) -> Tensor:
    """The explained values (batch,) if the layer answers as in these calls, in their order.

    Raises:
        ValueError: On these states the model calls the layer another number of times.
    """
    with torch.no_grad(), _answering(layer, calls):
        return forward().reshape(-1)


def values_on(
    module: nn.Module,
    forward: Callable[[], Tensor],
    calls: Sequence[LayerCall],
    reads: Tensor,
    *,
    batch_first: bool,
) -> Tensor:
    """The explained values (batch,) if the layer runs over other inputs, call by call.

    Unlike `head_values`, for calls that hand their states on to each other.

    Args:
        module: The layer, or the cell, that the model calls.
        forward: Runs the model.
        calls: The calls on the inputs themselves.
        reads: What is read instead (steps, features), numbered row by row through all calls.
        batch_first: Whether the layer reads (batch, time, features).

    Raises:
        ValueError: On these inputs the model calls the layer another number of times.
    """
    ours, left = threading.get_ident(), list(calls)
    first = 0

    def instead(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        nonlocal first
        if threading.get_ident() != ours:
            return None
        if not left:
            raise ValueError(_OTHER_NUMBER)
        steps = steps_of(left.pop(0).input, batch_first=batch_first)
        given = args[0] if args else kwargs["input"]
        data = data_of(given)
        read = with_data(given, reads[steps.numbers + first].view_as(data).to(data.dtype))
        first += steps.rows * steps.time
        return ((read, *args[1:]), kwargs) if args else (args, {**kwargs, "input": read})

    handle = module.register_forward_pre_hook(instead, with_kwargs=True)
    try:
        with torch.no_grad(), compiled_code_runs_eagerly():
            values = forward().reshape(-1)
    finally:
        handle.remove()
    if left:
        raise ValueError(_OTHER_NUMBER)
    return values


class Way(NamedTuple):
    """A model with inputs between those of a baseline and its own."""

    forward: Callable[[], Tensor]
    inputs: list[Tensor]
    """Leaves of its graph, beside what is read of the layer."""


def head_gradients(
    called: Sequence[nn.Module], way: Way, calls: Sequence[LayerCall]
) -> tuple[list[ReadGradient], list[Tensor]]:
    """Derivatives of the explained values with respect to what is read of calls, and of inputs.

    Args:
        called: The layer of each call.
        way: The model.
        calls: What the layers answer.
    """
    leaves = [_states(call, lambda states: states.detach().requires_grad_()) for call in calls]
    with torch.enable_grad():
        with contextlib.ExitStack() as answering:
            for layer in dict.fromkeys(called):
                pairs = zip(called, leaves, strict=True)
                answering.enter_context(
                    _answering(layer, [call for module, call in pairs if module is layer])
                )
            values = way.forward().reshape(-1)
        beside = [torch.zeros_like(tensor) for tensor in way.inputs]
        if beside:
            found = torch.autograd.grad(
                values.sum(), way.inputs, allow_unused=True, retain_graph=True
            )
            beside = [zero if g is None else g for zero, g in zip(beside, found, strict=True)]
        return read_gradients_of(values, Recording(calls=list(leaves))), beside


def mean_head_gradients(
    called: Sequence[nn.Module],
    way: Callable[[float], Way],
    calls: Sequence[LayerCall],
    bases: Sequence[LayerCall],
    points: int,
) -> tuple[list[ReadGradient], list[Tensor]]:
    """The mean of `head_gradients` on the straight way from one set of states to another.

    By Gauss and Legendre's points; their products with the differences of the states, and of the
    inputs, sum to the difference of the values where the head is smooth.

    Args:
        called: The layer of each call.
        way: The model at a share of the way, 0 at the baseline.
        calls: The calls on the inputs.
        bases: The calls on the baseline.
        points: Number of points.
    """
    nodes, weights = _gauss_legendre(points)
    total = [ReadGradient(None, (None,) * len(call.final)) for call in calls]
    beside: list[Tensor] = []
    for node, weight in zip(nodes, weights, strict=True):
        between = [_between(*ends, node) for ends in zip(bases, calls, strict=True)]
        found, of_inputs = head_gradients(called, way(node), between)
        total = [_sum(one, other, weight) for one, other in zip(total, found, strict=True)]
        parts = [weight * gradient for gradient in of_inputs]
        beside = [a + b for a, b in zip(beside, parts, strict=True)] if beside else parts
    return total, beside


def answered(call: LayerCall, run: BaselineRun, *, batch_first: bool) -> LayerCall:
    """A baseline run as the layer would have answered it in the place of a call."""
    finals = [run.final(cells=number == 1) for number in range(len(call.final))]
    return replace(
        call,
        output=_laid_out(run.outputs(), call.output, run.ends, batch_first=batch_first),
        final=tuple(
            states.expand(len(states), rows_of(call), -1).reshape(like.shape).to(like.dtype)
            for states, like in zip(finals, call.final, strict=True)
        ),
    )


def answered_parts(
    calls: Sequence[LayerCall], orders: Sequence[Tensor], run: BaselineRun, *, batch_first: bool
) -> list[LayerCall]:
    """A baseline run as the layer would have answered it in the place of calls that make up one.

    Args:
        calls: The calls.
        orders: For each of them, which of the run's steps (rows · time) each of its own was.
        run: The run, of one direction.
        batch_first: Whether the layer reads (batch, time, features).
    """
    outputs, found = run.outputs(), []
    rows = max(int(order.max()) for order in orders) // len(outputs) + 1
    flat = outputs.expand(-1, rows, -1).transpose(0, 1).flatten(0, 1)
    for call, order in zip(calls, orders, strict=True):
        steps, like = steps_of(call.input, batch_first=batch_first), data_of(call.output)
        data = flat[order].reshape(like.shape).to(like.dtype)
        at = torch.zeros(steps.rows * steps.time, dtype=torch.int64, device=order.device)
        at[steps.numbers] = order
        full = torch.full((steps.rows,), steps.time, device=order.device)
        ends = full if steps.ends is None else steps.ends
        last = at[torch.arange(steps.rows, device=order.device) * steps.time + ends - 1]
        row, step = last // len(outputs), last % len(outputs)
        finals = [
            torch.stack([path.expand(-1, rows, -1)[step + 1, row] for path in paths])
            for paths in run.paths()
        ]
        final = tuple(
            states.reshape(of_call.shape).to(of_call.dtype)
            for states, of_call in zip(finals, call.final, strict=True)
        )
        found.append(replace(call, output=with_data(call.output, data), final=final))
    return found


def rows_of(call: LayerCall) -> int:
    """Number of rows of a call."""
    return call.final[0].shape[1] if call.final[0].dim() == 3 else 1


def _laid_out(
    outputs: Tensor, like: LayerData, ends: Tensor | None, *, batch_first: bool
) -> LayerData:
    """States (time, rows, width) in the layer's own layout."""
    if isinstance(like, PackedSequence):
        assert ends is not None
        if like.sorted_indices is not None:
            outputs, ends = outputs[:, like.sorted_indices], ends[like.sorted_indices]
        data = pack_padded_sequence(outputs, ends.cpu()).data
        return with_data(like, data.to(like.data.dtype))
    if like.dim() == 2:
        outputs = outputs.squeeze(1)
    elif batch_first:
        outputs = outputs.transpose(0, 1)
    return outputs.expand(like.shape).to(like.dtype)


@contextlib.contextmanager
def _answering(layer: nn.Module, calls: Sequence[LayerCall]) -> Iterator[None]:
    """Puts answers in the place of the layer, in this thread alone."""
    left = list(calls)

    def next_call() -> LayerCall:
        if not left:
            raise ValueError(_OTHER_NUMBER)
        return _states(left.pop(0), torch.clone)  # which the model may change in place

    def states(_: LayerCall) -> list[Any]:
        call = next_call()
        return [call.output, *call.final]

    of_kernel = any(call.of_kernel for call in calls)
    answers = kernels_answer(layer, states) if of_kernel else _forward_answers(layer, next_call)
    with answers, compiled_code_runs_eagerly():
        yield
    if left:
        raise ValueError(_OTHER_NUMBER)


@contextlib.contextmanager
def _forward_answers(layer: nn.Module, next_call: Callable[[], LayerCall]) -> Iterator[None]:
    ours, own = threading.get_ident(), layer.forward
    is_its_own = "forward" in vars(layer)

    def answer(*args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != ours:
            return own(*args, **kwargs)
        call = next_call()
        if isinstance(layer, nn.RNNCellBase):
            unbatched = (args[0] if args else kwargs["input"]).dim() == 1
            states = tuple(state[0, 0] if unbatched else state[0] for state in call.final)
            return states if len(states) > 1 else states[0]
        return call.output, call.final if len(call.final) > 1 else call.final[0]

    try:
        layer.forward = answer
        yield
    finally:
        if is_its_own:
            layer.forward = own
        else:
            del layer.forward


_OTHER_NUMBER = (
    "on the states of the baseline the model runs its recurrent layer another number of times than "
    "on those of the inputs, so that they cannot be compared; fix the number of runs"
)


def _states(call: LayerCall, change: Callable[[Tensor], Tensor]) -> LayerCall:
    """A call with changed states."""
    output = with_data(call.output, change(data_of(call.output)))
    return replace(call, output=output, final=tuple(change(state) for state in call.final))


def _between(base: LayerCall, call: LayerCall, share: float) -> LayerCall:
    """The states on the straight way from one call to another."""
    others = iter([data_of(base.output), *base.final])
    return _states(call, lambda states: torch.lerp(next(others), states, share))


def _sum(one: ReadGradient, other: ReadGradient, weight: float) -> ReadGradient:
    """One gradient and a multiple of another; None where neither is anything."""

    def add(first: Tensor | None, second: Tensor | None) -> Tensor | None:
        if second is None:
            return first
        return weight * second if first is None else first + weight * second

    first = None if one.output is None else data_of(one.output)
    second = None if other.output is None else data_of(other.output)
    data, like = add(first, second), one.output if other.output is None else other.output
    return ReadGradient(
        None if data is None or like is None else with_data(like, data),
        tuple(add(*states) for states in zip(one.final, other.final, strict=True)),
    )


def _gauss_legendre(points: int) -> tuple[list[float], list[float]]:
    """Nodes and weights of the mean over 0 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    return list((nodes + 1) / 2), list(weights / 2)
