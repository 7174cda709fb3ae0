"""The record of one call of a layer: of torch's, of a cell of torch, or of any other."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from captum_rnn.states.hooks import LayerCall, LayerData
from captum_rnn.states.weights import running_rounding, running_weights

_OF_TORCH = (nn.RNNBase, nn.RNNCellBase)


def layer_call(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
) -> LayerCall:
    """What a forward hook of a layer is told of one call.

    Args:
        module: The layer, or a cell, whose call is a layer's call of one step, batch first.
        args: Its positional arguments.
        kwargs: Its named arguments.
        output: Its answer.

    Raises:
        TypeError: It was called or answered in a way that cannot be followed.
    """
    if isinstance(module, nn.RNNCellBase):
        return _cell_call(module, args, kwargs, output)
    if isinstance(module, nn.RNNBase):
        read, initial = read_by(args, kwargs), _state_given(module, args, kwargs)
        answered_like_torch = isinstance(output, tuple) and len(output) == 2
        if not answered_like_torch or not isinstance(read, (Tensor, PackedSequence)):
            raise TypeError(
                f"{type(module).__name__} was called or answered unlike the torch layer it "
                "extends; expected layer(input, hx=None) -> (output, final state)"
            )
        states, final = output
    else:
        given = [value for value in chain(args, kwargs.values()) if isinstance(value, Tensor)]
        states, final = split_answer(module, output)
        if not given:
            raise TypeError(f"{type(module).__name__} was called without a tensor to read")
        read, initial = given[0], _initial_of(args, kwargs, final)
    return LayerCall(
        read,
        None if initial is None else tuple(leaves(initial)),
        states,
        tuple(leaves(final)),
        running_weights(module),
        running_rounding(states.data),
        (args, kwargs),
    )


def shown_state(call: LayerCall, batch_first: bool) -> int | None:
    """Which tensor of a state that is not torch's is its last output; None: none of them.

    It has the shape (batch, features), or (layers, batch, features) with the output in the last.
    """
    assert isinstance(call.output, Tensor)
    last = call.output[:, -1] if batch_first else call.output[-1]
    for number, leaf in enumerate(call.final):
        if leaf.shape[-2:] == last.shape and torch.equal(as_output(leaf), last):
            return number
    return None


def as_output(leaf: Tensor) -> Tensor:
    """What a tensor of a state holds of the output (batch, features); see `shown_state`."""
    return leaf.flatten(0, -3)[-1] if leaf.dim() > 2 else leaf


def split_answer(module: nn.Module, answer: Any) -> tuple[Tensor, Any]:
    """The states that a module shows (batch, time, features), and what it hands on, or None.

    Raises:
        TypeError: It answers with something else.
    """
    output, state = answer, None
    is_packed = isinstance(answer, PackedSequence)
    if isinstance(answer, (tuple, list)) and answer and not is_packed:
        output, *rest = answer
        state = rest[0] if len(rest) == 1 else tuple(rest)
    if not isinstance(output, Tensor) or output.dim() != 3 or not output.is_floating_point():
        given = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        padded = ""
        if isinstance(output, PackedSequence):
            padded = "; of a layer that is not torch's let it read and answer padded sequences"
        raise TypeError(
            f"{type(module).__name__} answered with {given}; expected a sequence of states (batch, "
            f"time, features), or a tuple that begins with one{padded}"
        )
    return output, state if any(True for _ in leaves(state)) else None


def leaves(state: Any) -> Iterator[Tensor]:
    """The tensors of a state: itself, or those in nested tuples, lists and dicts."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, (tuple, list)):
        yield from chain.from_iterable(map(leaves, state))
    elif isinstance(state, Mapping):
        yield from chain.from_iterable(map(leaves, state.values()))


def rebuilt(state: Any, parts: Iterator[Tensor]) -> Any:
    """A state, nested as before, of other tensors."""
    if isinstance(state, Tensor):
        return next(parts)
    if isinstance(state, Mapping):
        return {name: rebuilt(part, parts) for name, part in state.items()}
    if isinstance(state, tuple) and hasattr(state, "_fields"):
        return type(state)(*(rebuilt(part, parts) for part in state))
    if isinstance(state, (tuple, list)):
        return type(state)(rebuilt(part, parts) for part in state)
    return state


def renested(module: nn.Module, answer: Any, read: LayerData, states: Sequence[Tensor]) -> Any:
    """Other states in the form in which a layer or a cell answered."""
    if isinstance(module, nn.RNNCellBase):
        like = zip(states, leaves(answer), strict=True)
        return rebuilt(answer, (state.reshape(of_cell.shape) for state, of_cell in like))
    if isinstance(read, PackedSequence):
        return read, rebuilt(answer[1], iter(states))
    return rebuilt(answer, chain([read], states))


def read_by(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a layer or a cell of torch reads."""
    return args[0] if args else kwargs.get("input")


def states_given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Tensor]:
    """All tensors that a module is given besides what it reads, its initial states among them."""
    named = (value for name, value in kwargs.items() if name != "input")
    return chain(leaves(args[1:]), leaves(tuple(named)))


def initial_of(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Tensor, ...] | None:
    """The initial states (number, rows, state) that a layer or a cell of torch is given.

    None where it is given none, or is another layer.
    """
    state = _state_given(module, args, kwargs) if isinstance(module, _OF_TORCH) else None
    if state is None:
        return None
    of_cell = isinstance(module, nn.RNNCellBase)
    return tuple(
        leaf.reshape(1 if of_cell else leaf.shape[0], -1, leaf.shape[-1]) for leaf in leaves(state)
    )


def _state_given(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The initial states that a layer or a cell of torch is given.

    A subclass may take something else in their place, such as a mask.
    """
    given = args[1] if len(args) > 1 else kwargs.get("hx")
    if not isinstance(module, nn.RNNBase):
        return given
    number = module.num_layers * (2 if module.bidirectional else 1)
    widths = (module.hidden_size, module.proj_size or module.hidden_size)
    shapes = [leaf.shape for leaf in leaves(given)]
    fits = (len(shape) > 1 and shape[0] == number and shape[-1] in widths for shape in shapes)
    return given if all(fits) else None


def _initial_of(args: tuple[Any, ...], kwargs: dict[str, Any], final: Any) -> Any:
    """The argument whose tensors have the shapes of the state that was answered; None: none."""
    shapes = [leaf.shape for leaf in leaves(final)]
    for value in chain(args[1:], kwargs.values()):
        if shapes and [leaf.shape for leaf in leaves(value)] == shapes:
            return value
    return None


def _cell_call(
    cell: nn.RNNCellBase, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
) -> LayerCall:
    read, initial = read_by(args, kwargs), _state_given(cell, args, kwargs)
    states = list(leaves(output))
    return LayerCall(
        read.reshape(-1, 1, cell.input_size),
        None if initial is None else tuple(s.reshape(1, -1, s.shape[-1]) for s in leaves(initial)),
        states[0].reshape(-1, 1, cell.hidden_size),
        tuple(state.reshape(1, -1, cell.hidden_size) for state in states),
        {f"{name}_l0": weight for name, weight in running_weights(cell).items()},
        running_rounding(states[0]),
        (args, kwargs),
    )
