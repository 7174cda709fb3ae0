"""A module called one step at a time, from any state that it can be in."""

import contextlib
import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from captum_rnn.states.calls import leaves, rebuilt, split_answer
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.modes import WITHOUT_CUDNN

_NAMES_OF_STATES = ("hx", "h0", "h_0", "state", "hidden", "carry", "memory", "cache", "prev")


class NotSteppedError(ValueError):
    """A module cannot be called one step at a time."""


class Stepper:
    """Calls a copy of a module with one token at a time, and with the state that it answered with.

    A flat state (batch, width) is the output, followed by all that the module hands on. Arguments
    beside input and state are given to each step: their part of the step, where they have the axes
    of the input, else as they are.

    Args:
        layer: The module.
        call: The call of it whose steps are taken.
        tokens: What it read (time, batch, features).
        batch_first: Whether it reads (batch, time, features).

    Raises:
        NotSteppedError: It cannot be called so.
    """

    def __init__(
        self, layer: nn.Module, call: LayerCall, tokens: Tensor, *, batch_first: bool
    ) -> None:
        self._name = type(layer).__name__
        self._module = isolated(layer, call.weights)
        self._arguments = _Arguments.of(self._module.forward, call, tokens.shape[:2], batch_first)
        self._time_axis = 1 if batch_first else 0
        self._dtype = call.final[0].dtype if call.final else tokens.dtype
        with torch.enable_grad():
            token = tokens[0].detach().requires_grad_()
            output, state = self._call(token, self._arguments.given, 0)
            axes = self._batch_axes(state, token)
        self._output, self._state, self._axes = output.detach(), state, axes
        self._given = call.initial

    @property
    def initial(self) -> Tensor:
        """The flat state before the first token, in which the output counts as zeros."""
        given, like = self._given, list(leaves(self._state))
        start = [torch.zeros_like(leaf) for leaf in like] if given is None else list(given)
        if [part.shape for part in start] != [part.shape for part in like]:
            raise NotSteppedError(f"{self._name} is given a state of another form than it answers")
        return self._flat(torch.zeros_like(self._output), start).detach()

    def step(self, token: Tensor, state: Tensor, number: int) -> Tensor:
        """The flat state after one step.

        Args:
            token: What it reads (batch, features).
            state: The flat state before it (batch, width).
            number: Its number, for arguments that differ from step to step.
        """
        output, made = self._call(token, self._nested(state), number)
        return self._flat(output, leaves(made))

    def slices(self) -> list[slice]:
        """Where the output and each tensor of the module's state lie in a flat state."""
        widths = [self._output.shape[1]]
        widths += [leaf.numel() // len(self._output) for leaf in leaves(self._state)]
        ends = torch.tensor(widths).cumsum(0).tolist()
        return [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]

    def flat_leaf(self, number: int, values: Tensor) -> Tensor:
        """Values shaped like a tensor of the module's state, as they lie in a flat state."""
        return values.movedim(self._axes[number], 0).flatten(1)

    def _call(self, token: Tensor, state: Any, number: int) -> tuple[Tensor, Any]:
        fed = token.unsqueeze(self._time_axis).to(self._dtype)
        arguments = self._arguments.of_step(fed, state, number)
        try:
            with undisturbed(token.device):
                answer = self._module.forward(*arguments.args, **arguments.kwargs)
        except Exception as error:
            raise NotSteppedError(
                f"{self._name} cannot be called with one step and its own state ({error})"
            ) from error
        output, made = split_answer(self._module, answer)
        if made is None or output.shape[self._time_axis] != 1:
            raise NotSteppedError(
                f"{self._name} does not answer one step with (batch, 1, features) and a state that "
                "it could go on from"
            )
        return output.squeeze(self._time_axis), made

    def _batch_axes(self, state: Any, token: Tensor) -> list[int]:
        """The axes of the state's tensors along which the rows lie.

        Where several are as long, it is the one along which each part is made of one row of the
        token, or makes one row of the output.
        """
        batch, found = len(token), list(leaves(state))
        fitting = [[a for a, size in enumerate(leaf.shape) if size == batch] for leaf in found]
        if batch == 1 or all(len(axes) == 1 for axes in fitting):
            return [self._first(axes, leaf) for axes, leaf in zip(fitting, found, strict=True)]
        begun = [
            (leaf.detach() + torch.arange(leaf.numel(), device=leaf.device).view_as(leaf).cos())
            .to(leaf.dtype)
            .requires_grad_(leaf.is_floating_point())
            for leaf in found
        ]
        output, _ = self._call(token, rebuilt(state, iter(begun)), 0)
        return [
            self._first(
                axes
                if len(axes) < 2
                else [
                    a for a in axes if _is_along(leaf, a, token, 0) or _is_along(output, 0, at, a)
                ],
                leaf,
            )
            for axes, leaf, at in zip(fitting, found, begun, strict=True)
        ]

    def _first(self, axes: list[int], leaf: Tensor) -> int:
        if not axes:
            raise NotSteppedError(
                f"{self._name} hands on a state of shape {tuple(leaf.shape)}, which does not show "
                "which axis is that of the rows; expected one part of it for each row"
            )
        return axes[0]

    def _flat(self, output: Tensor, parts: Iterator[Tensor] | list[Tensor]) -> Tensor:
        rows = [self.flat_leaf(number, part) for number, part in enumerate(parts)]
        flat = torch.cat([output, *(part.to(output) for part in rows)], 1)
        return flat.to(torch.promote_types(flat.dtype, torch.float32))

    def leaves_of(self, flat: Tensor) -> list[Tensor]:
        """The tensors of the module's state in a flat one, in its own layout."""
        parts = []
        like = zip(self.slices()[1:], self._axes, leaves(self._state), strict=True)
        for part, axis, leaf in like:
            moved = leaf.movedim(axis, 0).shape
            parts.append(flat[:, part].reshape(moved).movedim(0, axis).to(leaf.dtype).contiguous())
        return parts

    def _nested(self, flat: Tensor) -> Any:
        return rebuilt(self._state, iter(self.leaves_of(flat)))


def _is_along(made: Tensor, axis: int, of: Tensor, axis_of: int) -> bool:
    """Whether each part of a tensor along an axis is made of the same part of another one alone."""
    if not made.requires_grad or not of.requires_grad:
        return False

    def powers(like: Tensor, axis: int) -> Tensor:
        exponents = torch.arange(like.shape[axis], device=like.device) % 8
        shape = [-1 if number == axis else 1 for number in range(like.dim())]
        return (2.0**exponents).to(like.dtype).view(shape)

    plain, weighted = (
        torch.autograd.grad(total.sum(), of, retain_graph=True, materialize_grads=True)[0]
        for total in (made, made * powers(made, axis))
    )
    return bool(plain.any()) and torch.equal(weighted, plain * powers(of, axis_of))


@contextlib.contextmanager
def undisturbed(device: torch.device) -> Iterator[None]:
    """Leaves the random state as it is; without cuDNN, which bans derivatives in eval mode."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.autocast(device.type, enabled=False), WITHOUT_CUDNN:
        yield


def isolated(layer: nn.Module, weights: Mapping[str, Tensor]) -> nn.Module:
    """A copy of a module with the weights that ran: outside any graph, free for other states."""
    own: dict[int, Any] = {}
    for module in layer.modules():
        for value in chain(*(vars(module)[room].values() for room in ("_parameters", "_buffers"))):
            own[id(value)] = value
        for value in list(vars(module).values()):
            own.update((id(leaf), leaf) for leaf in leaves(value))
    named = chain(layer.named_parameters(), layer.named_buffers())
    ran = {id(now): weights.get(name, now) for name, now in named}
    if isinstance(layer, nn.RNNBase):
        ran.update(
            (id(now), weights[name])
            for name, now in zip(layer._flat_weights_names, layer._flat_weights, strict=True)
            if now is not None and name in weights
        )
    memo: dict[int, Any] = {}
    for key, now in own.items():
        if now is not None:
            copied = ran.get(key, now).detach().clone()
            is_parameter = isinstance(now, nn.Parameter)
            memo[key] = nn.Parameter(copied, requires_grad=False) if is_parameter else copied
    return copy.deepcopy(layer, memo)


@dataclass(frozen=True)
class _Arguments:
    """What a module was called with, and the part of it that belongs to a step."""

    signature: inspect.Signature
    values: Mapping[str, Any]
    input: str
    state: str
    axes: tuple[int, ...]
    time_axis: int

    @classmethod
    def of(
        cls, forward: Callable[..., Any], call: LayerCall, shape: tuple[int, ...], batch_first: bool
    ) -> "_Arguments":
        signature = inspect.signature(forward)
        kinds = [parameter.kind for parameter in signature.parameters.values()]
        if kinds and kinds[0] is inspect.Parameter.VAR_POSITIONAL:
            signature = inspect.signature(_as_torch_has_it)
        args, kwargs = call.arguments
        values = signature.bind(*args, **kwargs).arguments
        first, *others = signature.parameters
        if not others:
            raise NotSteppedError("it takes no state that a step could go on from")
        named = [n for n in others if any(part in n.lower() for part in _NAMES_OF_STATES)]
        state = (named or others)[0]
        if call.initial is not None and state in values:  # as it was when the module ran
            values[state] = rebuilt(values[state], iter(call.initial))
        time, batch = shape
        axes = (batch, time) if batch_first else (time, batch)
        return cls(signature, values, first, state, axes, int(batch_first))

    @property
    def given(self) -> Any:
        """The state that was given; None: none."""
        return self.values.get(self.state)

    def of_step(self, token: Tensor, state: Any, number: int) -> inspect.BoundArguments:
        values = {name: self._part(value, number) for name, value in self.values.items()}
        values[self.input], values[self.state] = token, state
        return inspect.BoundArguments(self.signature, values)

    def _part(self, value: Any, number: int) -> Any:
        if isinstance(value, Tensor) and value.shape[:2] == self.axes:
            return value.narrow(self.time_axis, number, 1)
        if isinstance(value, dict):  # further named arguments
            return {name: self._part(part, number) for name, part in value.items()}
        return value


def _as_torch_has_it(input: Any, hx: Any = None, *others: Any, **named: Any) -> None:
    """The arguments of a recurrent layer of torch."""
