"""The Captum shell of every method that reads what a recurrent layer did in one forward pass."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NoReturn, overload

import torch
from torch import Tensor, nn

from captum_rnn._captum import InternalAttribution, format_output, is_tuple, logged, run_forward
from captum_rnn.attr.inputs import (
    InputLayout,
    Lengths,
    check_inputs,
    explained,
    one_for_each_input,
    target_out_of_range,
)
from captum_rnn.attr.record import Record, Run
from captum_rnn.states import (
    LayerCall,
    ReadGradient,
    Trajectory,
    record_calls,
    record_read_gradients,
    recurrent_layer,
    trajectory,
)

_ANY_ARGUMENTS = inspect.signature(lambda *args: None)


class RecurrentAttribution(InternalAttribution):  # type: ignore[misc]
    """Runs the model once, records what its recurrent layer did, and formats the scores.

    A method is a subclass that maps a `Record` to scores.

    Args:
        forward_func: The model, or any function that runs it.
        layer: The recurrent layer in it; `None`: `forward_func` is itself that layer.
        device_ids: Kept for Captum's signature; the layer has to run on one device.
        batch_first: Whether dimension 0 of the inputs is the batch. Not used where `layer` is None.
    """

    _looks_at_class: ClassVar[bool] = False

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: nn.Module | None = None,
        device_ids: list[int] | None = None,
        *,
        batch_first: bool = True,
    ) -> None:
        super().__init__(forward_func, forward_func if layer is None else layer, device_ids)
        self.batch_first = batch_first

    @property
    def _needs_gradient(self) -> bool:
        """Whether the scores hold derivatives of the output with respect to what is read."""
        return self._looks_at_class

    def _select(self, layer: nn.RNNBase, call: LayerCall, top: Trajectory) -> Trajectory:
        """The states that the method looks at: those of the top level, unless it says otherwise."""
        return top

    def _score(self, layer: nn.RNNBase, record: Record) -> Tensor:
        """The method itself: scores (batch, time) of the steps of the layer."""
        raise NotImplementedError

    @overload
    def attribute(
        self,
        inputs: Tensor,
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
    ) -> Tensor: ...

    @overload
    def attribute(
        self,
        inputs: tuple[Tensor, ...],
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
    ) -> tuple[Tensor, ...]: ...

    @logged
    def attribute(
        self,
        inputs: Tensor | tuple[Tensor, ...],
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
    ) -> Any:
        """Scores the tokens of `inputs`.

        Args:
            inputs: Token ids (batch, time) or embedded tokens (batch, time, features). A tuple of
                k tensors for a model that runs the layer once for each of them, in that order.
            target: The class, as for every Captum method.
            additional_forward_args: Further arguments of `forward_func`.
            lengths: Number of real tokens in each row (batch,), for a model that runs its padding
                through the layer and picks the state at `lengths - 1` itself. The scores of the
                padding are then 0. A packed sequence brings its own lengths. For several inputs:
                a tuple with one entry each.

        Returns:
            Attributions of exactly the shape of `inputs`, a tuple if `inputs` is one. A token's
            score is shared equally over its features. float32, or float64 if the states are.

        Raises:
            TypeError: A layer that is not recurrent; inputs or lengths that are no tensors.
            ValueError: The layer did not run once for each input, or saw another batch or another
                number of steps than the input has; lengths, positions or target out of range.
            AssertionError: A target of the wrong length or form, from Captum.
        """
        run = self._run(inputs, target, additional_forward_args, lengths)
        return self._format(inputs, run, self._token_scores(run))

    def attribute_future(self) -> NoReturn:
        """Not implemented, as for Captum's own primary methods."""
        raise NotImplementedError(
            f"attribute_future is not implemented for {type(self).__name__}; call attribute"
        )

    def _token_scores(self, run: Run) -> list[Tensor]:
        """Scores (batch, time) of the tokens of each input."""
        with torch.no_grad():
            return [
                record.path.at_inputs(self._score(run.layer, record), record.layout.time)
                for record in run.records
            ]

    @staticmethod
    def _format(inputs: Any, run: Run, scores: list[Tensor]) -> Any:
        attributions = tuple(
            record.layout.arrange(tokens)
            for record, tokens in zip(run.records, scores, strict=True)
        )
        return format_output(is_tuple(inputs), attributions)

    def _run(self, inputs: Any, target: Any, additional_forward_args: Any, lengths: Lengths) -> Run:
        """Runs the model once and checks that its layer read the inputs, token by token."""
        layer = recurrent_layer(self.layer)
        tensors = check_inputs(inputs)
        each_lengths = one_for_each_input(lengths, len(tensors))
        layouts = [self._layout(layer, tensor) for tensor in tensors]
        self._check_bare(target)

        outputs: list[Any] = []

        def forward_func(*args: Any) -> Any:
            outputs[:] = [self.forward_func(*args)]
            return outputs[0]

        # Captum inspects the signature of what it runs, which takes as long as a short forward.
        forward_func.__signature__ = _ANY_ARGUMENTS  # type: ignore[attr-defined]

        def forward() -> Any:
            outputs.clear()
            try:
                return run_forward(forward_func, tensors, target, additional_forward_args)
            except (IndexError, RuntimeError) as error:
                if not outputs or target is None:
                    raise
                raise target_out_of_range(target, outputs[0]) from error

        values: list[Tensor] = []

        def forward_explained() -> Tensor:
            values[:] = [explained(forward(), layouts[0].batch)]
            return values[0]

        gradients: Sequence[ReadGradient | None]
        if self._needs_gradient:
            _, calls, gradients = record_read_gradients(layer, forward_explained)
        else:
            calls = record_calls(layer, forward_explained if self._looks_at_class else forward)
            gradients = [None] * len(calls)
        self._check_number_of_calls(len(calls), len(tensors))
        records = []
        for layout, call, row_lengths, gradient in zip(
            layouts, calls, each_lengths, gradients, strict=True
        ):
            path = trajectory(layer, call, row_lengths)
            self._check_fit(path, layout)
            path = self._select(layer, call, path)
            records.append(Record(layout, call, path, gradient, target))
        value = values[0].detach() if values else None
        return Run(layer, forward, value, records)

    def _check_bare(self, target: Any) -> None:
        if not self._is_bare:
            return
        if self._looks_at_class:
            raise ValueError(
                f"forward_func is the recurrent module itself, whose classes {type(self).__name__} "
                "cannot look at; pass the model and its layer"
            )
        if target is not None:
            raise ValueError(
                f"target is {target!r}, but forward_func is the recurrent module itself, which "
                "has no classes; leave target out, or pass the model and its layer"
            )

    @property
    def _is_bare(self) -> bool:
        return self.layer is self.forward_func

    def _layout(self, layer: nn.RNNBase, tensor: Tensor) -> InputLayout:
        if self._is_bare:
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
