"""What a recurrent layer would have read, had the model been given baselines.

A model reads a float input itself, so it is given the baseline instead. Ids it also counts, masks
and packs by; so it keeps the real ones, and only where it looks vectors up by them, it gets those
of the baseline.
"""

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from captum_rnn.states.calls import initial_of
from captum_rnn.states.following import Following
from captum_rnn.states.hooks import LayerCall, LayerData, compiled_code_runs_eagerly
from captum_rnn.states.kernels import kernels_answer
from captum_rnn.states.layers import form_of
from captum_rnn.states.lookups import looked_up
from captum_rnn.states.operations import Operation
from captum_rnn.states.steps import steps_of


class Baselines(Following):
    """While it is active, a model that is run on `self.inputs` reads baselines in their place.

    Args:
        inputs: The inputs of the model: floats or ids.
        baselines: For each input one of its shape: floats for floats, ids for ids, or for ids the
            vectors that stand for them (*shape, features).
    """

    def __init__(self, inputs: tuple[Tensor, ...], baselines: tuple[Tensor, ...]) -> None:
        handed = [
            baseline if tensor.is_floating_point() else tensor
            for tensor, baseline in zip(inputs, baselines, strict=True)
        ]
        super().__init__(tuple(handed), differentiable=False)
        self._of_ids: list[_OfIds] = []
        first = 0
        for tensor, baseline in zip(inputs, baselines, strict=True):
            if not tensor.is_floating_point():
                self._of_ids.append(_OfIds(first, tensor, baseline))
            first += tensor.numel()

    def check_looked_up(self) -> None:
        """Raises ValueError unless vectors were looked up by all ids."""
        if not all(of_ids.looked_up for of_ids in self._of_ids):
            raise ValueError(
                "baselines are given for ids, but the model looks up no embedding by these ids as "
                "far as can be followed; explain the embedded tokens, and give their baselines, or "
                "pass whole numbers that are no ids, such as counts, as inputs.float()"
            )

    def _after(self, done: Operation, output: Any) -> Any:
        if (found := looked_up(done, output)) is not None:
            for of_ids in self._of_ids:
                output = of_ids.instead(done, output, found)
        return super()._after(done, output)


class _OfIds:
    """The baseline of one input of ids, whose places are numbered from `first` on."""

    def __init__(self, first: int, ids: Tensor, baseline: Tensor) -> None:
        self.looked_up = False
        self._first, self._ids = first, ids.flatten()
        self._baseline = baseline.reshape(len(self._ids), *baseline.shape[ids.dim() :])

    def instead(self, done: Operation, output: Tensor, found: Tensor) -> Tensor:
        """The vectors of the baseline where those of the ids were looked up, at places `found`."""
        at_output, own = self._own(found)
        if not at_output.any():
            return output
        self.looked_up = True
        if self._baseline.is_floating_point():
            features = 1 if found.shape == output.shape else output.shape[-1]
            if self._baseline.shape[1] != features:
                raise ValueError(
                    f"baselines hold vectors of {self._baseline.shape[1]} feature(s); expected "
                    f"{features}, as the embedding has, or ids"
                )
            vectors = self._baseline[own.flatten()].to(output).view(output.shape)
        else:
            number, places = next(iter(done.known.items()))
            indices = done.argument(number)
            is_own, own = self._own(places)
            if not torch.equal(indices[is_own], self._ids[own[is_own]].to(indices)):
                raise ValueError(
                    "baselines are given for ids, but the model changes them before it looks an "
                    "embedding up by them; explain the embedded tokens, and give their baselines"
                )
            vectors = done.again(number, torch.where(is_own, self._baseline[own], indices))
        return torch.where(at_output, vectors, output)

    def _own(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Which places are of this input, and the number of each among them."""
        is_own = (places >= self._first) & (places < self._first + len(self._ids))
        return is_own, (places - self._first).masked_fill(~is_own, 0)


@dataclass(frozen=True)
class GivenOnBaselines:
    """What a layer would have been given on baselines.

    Attributes:
        read: What it reads in each call (steps, features), the steps numbered row by row.
        initial: The initial states of each call; None: it is given none.
    """

    read: list[Tensor]
    initial: list[tuple[Tensor, ...] | None]


class _ReachedError(BaseException):
    """The layer has been called as often as it needed to be; not an error of the model."""


def given_on_baselines(
    layers: Sequence[nn.Module],
    forward: Callable[[], Any],
    baselines: Baselines,
    calls: Sequence[LayerCall],
    owners: Sequence[int] | None = None,
) -> GivenOnBaselines:
    """Runs what stands before layers on baselines; what they would be given.

    The model is stopped where it would call a layer for the last time.

    Args:
        layers: The recurrent layers.
        forward: Runs the model on the inputs of the baselines.
        baselines: The baselines.
        calls: The calls of the layers on the inputs themselves.
        owners: Which of the layers each call is of; None: the first.

    Raises:
        ValueError: They run less often, in another order or read other steps than on the inputs, or
            ids were not looked up.
    """
    called = [layers[index] for index in owners or [0] * len(calls)]
    read: list[LayerData] = []
    initial: list[tuple[Tensor, ...] | None] = []
    ours = threading.get_ident()

    def reached(module: nn.Module, data: LayerData, states: tuple[Tensor, ...] | None) -> None:
        if module is not called[len(read)]:
            raise ValueError(
                "on the baselines the model calls its layers in another order than on the inputs, "
                "so that their steps cannot be compared"
            )
        read.append(data)
        initial.append(states and tuple(state.detach().clone() for state in states))
        if len(read) == len(calls):
            raise _ReachedError

    def record(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if threading.get_ident() == ours and module not in by_kernel:
            given = args[0] if args else kwargs["input"]
            reached(module, given, initial_of(module, args, kwargs))

    def of_kernel(module: nn.Module) -> Callable[[LayerCall], list[Any]]:
        def answer(call: LayerCall) -> list[Any]:
            reached(module, call.input, call.initial)
            return [call.output, *call.final]

        return answer

    pairs = zip(called, calls, strict=True)
    by_kernel = {module: of_kernel(module) for module, call in pairs if call.of_kernel}
    hooks = [module.register_forward_pre_hook(record, with_kwargs=True) for module in layers]
    try:
        with torch.no_grad(), compiled_code_runs_eagerly(), contextlib.ExitStack() as seen:
            for module, answer in by_kernel.items():
                seen.enter_context(kernels_answer(module, answer))
            seen.enter_context(baselines)
            forward()
    except _ReachedError:
        pass
    finally:
        for hook in hooks:
            hook.remove()
    if len(read) < len(calls):
        raise ValueError(
            f"{type(called[len(read)]).__name__} ran {len(read)} time(s) on the baselines, but "
            f"{len(calls)} time(s) on the inputs, so that its steps cannot be compared"
        )
    baselines.check_looked_up()
    parts = zip(called, calls, read, strict=True)
    return GivenOnBaselines([steps_read(*of_call) for of_call in parts], initial)


def steps_read(layer: nn.Module, call: LayerCall, read: LayerData) -> Tensor:
    """What a call reads on baselines (steps, features), its steps numbered row by row."""
    of_cell = isinstance(layer, nn.RNNCellBase)
    batch_first = of_cell or form_of(layer).batch_first
    own = steps_of(call.input, batch_first=batch_first)
    found = steps_of(read, batch_first=batch_first, of_cell=of_cell)
    same = (own.rows, own.time, own.data.shape[1]) == (found.rows, found.time, found.data.shape[1])
    if not (same and torch.equal(own.numbers, found.numbers)):
        raise ValueError(
            f"on the baselines {type(layer).__name__} reads {found.rows} row(s) of {found.time} "
            "step(s), with other lengths or features than on the inputs, so that its steps cannot "
            "be compared; pass lengths and masks in additional_forward_args, where the model takes "
            "them from its inputs"
        )
    steps = found.data.new_zeros(found.rows * found.time, found.data.shape[1])
    steps[found.numbers] = found.data.detach()
    return steps


def of_members(read: Sequence[Tensor], members: Sequence[int]) -> Tensor:
    """What is read at all steps (steps, features) of some calls, counted through all of them.

    Args:
        read: What is read in each call (steps, features).
        members: The calls, which read the same number of features.
    """
    width = read[members[0]].shape[1]
    return torch.cat(
        [
            part if number in members else part.new_zeros(len(part), width)
            for number, part in enumerate(read)
        ]
    )


def at_steps(read: Tensor, numbers: Tensor) -> Tensor:
    """What is read at numbered steps, in the order of the text.

    Args:
        read: What is read at all steps (steps, features).
        numbers: Numbers of the steps of each row (rows, time); -1: none.

    Returns:
        What is read (time, rows, features), or (1, 1, features) where it is always the same.
    """
    is_step = numbers >= 0
    steps = read[numbers.clamp(min=0)]
    first = steps[is_step][:1]
    if torch.equal(steps[is_step], first.expand(int(is_step.sum()), -1)):
        return first.unsqueeze(0)
    return steps.transpose(0, 1)
