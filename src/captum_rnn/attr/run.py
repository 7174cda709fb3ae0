"""One run of the model, and what its recurrent layer did in it."""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor, nn

from captum_rnn._captum import run_forward
from captum_rnn.attr.inputs import (
    InputLayout,
    Lengths,
    check_inputs,
    explained,
    one_for_each_input,
    target_out_of_range,
)
from captum_rnn.states import (
    LayerCall,
    ReadGradient,
    Trajectory,
    record_calls,
    record_read_gradients,
    recurrent_layer,
    trajectory,
)


@dataclass(frozen=True)
class Record:
    """What the recurrent layer did for one input tensor.

    Attributes:
        layout: The layout of the input.
        call: The call of the layer.
        path: The states that it passed through.
        gradient: What the classifier reads of them; None for methods that do not look at it.
        target: The class that is explained, as the user gave it; Captum has found that it fits.
    """

    layout: InputLayout
    call: LayerCall
    path: Trajectory
    gradient: ReadGradient | None = None
    target: Any = None


@dataclass(frozen=True)
class Run:
    """One forward pass of the model.

    Attributes:
        layer: The recurrent layer.
        forward: Runs the model again, and returns the explained value of each row (batch,).
        value: The explained values; None for methods that do not look at the output.
        records: One for each input tensor.
    """

    layer: nn.RNNBase
    forward: Callable[[], Any]
    value: Tensor | None
    records: list[Record]


Score: TypeAlias = Callable[[Any, nn.RNNBase, Record], Tensor]


def in_full_precision(score: Score) -> Score:
    """Keeps the caller's autocast away from the matrix products of a `_score` method."""

    @functools.wraps(score)
    def precise(self: Any, layer: nn.RNNBase, record: Record) -> Tensor:
        with torch.autocast(next(layer.parameters()).device.type, enabled=False):
            return score(self, layer, record)

    return precise


@dataclass(frozen=True)
class RecurrentModel:
    """A model with the recurrent layer in it.

    Attributes:
        forward_func: The model, or any function that runs it.
        layer: The recurrent layer; `forward_func` itself where that is explained alone.
        batch_first: Whether dimension 0 of the inputs is the batch.
    """

    forward_func: Callable[..., Any]
    layer: nn.Module
    batch_first: bool = True

    @property
    def is_bare(self) -> bool:
        """Whether there is nothing around the layer."""
        return self.layer is self.forward_func

    def run(
        self,
        inputs: Tensor | tuple[Tensor, ...],
        target: Any = None,
        additional_forward_args: Any = None,
        lengths: Lengths = None,
        *,
        with_value: bool = False,
        with_gradient: bool = False,
    ) -> Run:
        """Runs the model once and checks that its layer read the inputs, token by token.

        Args:
            inputs: As for `RecurrentAttribution.attribute`, like the next three.
            target: The class.
            additional_forward_args: Further arguments of `forward_func`.
            lengths: Number of real tokens in each row.
            with_value: Keep the explained values, which must then be one number for each row.
            with_gradient: Also differentiate them with respect to what is read of the layer.
        """
        layer = recurrent_layer(self.layer)
        tensors = check_inputs(inputs)
        each_lengths = one_for_each_input(lengths, len(tensors))
        layouts = [self._layout(layer, tensor) for tensor in tensors]
        forward = _Forward(self.forward_func, tensors, target, additional_forward_args)

        def forward_explained() -> Tensor:
            return explained(forward(), layouts[0].batch)

        gradients: Sequence[ReadGradient | None]
        if with_gradient:
            _, calls, gradients = record_read_gradients(layer, forward_explained)
        else:
            calls = record_calls(layer, forward_explained if with_value else forward)
            gradients = [None] * len(calls)
        self._check_number_of_calls(len(calls), len(tensors))
        records = []
        for layout, call, row_lengths, gradient in zip(
            layouts, calls, each_lengths, gradients, strict=True
        ):
            path = trajectory(layer, call, row_lengths)
            self._check_fit(path, layout)
            records.append(Record(layout, call, path, gradient, target))
        with_value = with_value or with_gradient
        value = forward.selected.reshape(-1).detach() if with_value else None
        return Run(layer, forward, value, records)

    def _layout(self, layer: nn.RNNBase, tensor: Tensor) -> InputLayout:
        if self.is_bare:
            batch_first, unbatched = layer.batch_first, tensor.dim() == 2
            fits = tensor.dim() in (2, 3)
            expected = "(batch, time, features)" if batch_first else "(time, batch, features)"
            expected += " or unbatched (time, features), as forward_func is the layer itself"
        else:
            batch_first, unbatched, fits = self.batch_first, False, tensor.dim() >= 2
            expected = "(batch, time, ...)" if batch_first else "(time, batch, ...)"
        if not fits:
            raise ValueError(f"inputs has shape {tuple(tensor.shape)}; expected {expected}")
        return InputLayout(tensor.shape, batch_first, unbatched)

    def _check_number_of_calls(self, calls: int, inputs: int) -> None:
        if calls == inputs:
            return
        times = {0: "did not run", 1: "ran once"}.get(calls, f"ran {calls} times")
        remedy = (
            "pass one tensor in inputs for each run of the layer, in the order of the runs, and "
            "everything else in additional_forward_args"
            if calls
            else "pass the layer that forward_func uses"
        )
        raise ValueError(
            f"{self._layer_name} {times} in the forward pass for {inputs} input tensor(s); {remedy}"
        )

    def _check_fit(self, path: Trajectory, layout: InputLayout) -> None:
        batch, time = len(path.directions[0].outputs), path.time
        if path.read is not None:
            batch, time = path.read.shape
        packed_shorter = path.is_packed and time <= layout.time
        if batch == layout.batch and (time == layout.time or packed_shorter):
            return
        raise ValueError(
            f"{self._layer_name} saw {batch} row(s) of {time} step(s), but inputs of shape "
            f"{tuple(layout.shape)} has {layout.batch} row(s) of {layout.time} token(s); pass the "
            "tensor whose tokens the layer reads one by one, and batch_first=False if its first "
            "dimension is the time"
        )

    @property
    def _layer_name(self) -> str:
        layer = recurrent_layer(self.layer)
        named = (
            self.forward_func.named_modules() if isinstance(self.forward_func, nn.Module) else ()
        )
        names = [name for name, module in named if module is layer and name]
        return f"layer {names[0]!r} ({type(layer).__name__})" if names else type(layer).__name__


class _Forward:
    """The model with all its arguments: each call runs it and selects what the target says.

    Attributes:
        selected: What the last call returned.
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        inputs: tuple[Tensor, ...],
        target: Any,
        additional_forward_args: Any,
    ) -> None:
        self._model = _Answering(forward_func)
        self._arguments = inputs, target, additional_forward_args
        self.selected: Any = None

    def __call__(self) -> Any:
        self._model.answer = None
        try:
            self.selected = run_forward(self._model, *self._arguments)
        except (IndexError, RuntimeError) as error:
            target = self._arguments[1]
            if self._model.answer is None or target is None:
                raise
            raise target_out_of_range(target, self._model.answer) from error
        return self.selected


class _Answering:
    """A model that remembers its last answer."""

    # Captum inspects the signature of what it runs, which takes as long as a short forward.
    __signature__: ClassVar[inspect.Signature] = inspect.signature(lambda *args: None)

    def __init__(self, forward_func: Callable[..., Any]) -> None:
        self._forward_func = forward_func
        self.answer: Any = None

    def __call__(self, *args: Any) -> Any:
        self.answer = self._forward_func(*args)
        return self.answer
