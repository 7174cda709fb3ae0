"""The Captum shell of every method that reads a recurrent layer's trajectory."""

from collections.abc import Callable
from typing import Any, Literal, NoReturn, TypeAlias, overload

import torch
from captum._utils.common import _format_output, _is_tuple, _run_forward
from captum.attr._utils.attribution import InternalAttribution
from captum.log import log_usage
from torch import Tensor, nn

from captum_rnn.attr.layout import InputLayout, check_inputs
from captum_rnn.states import Trajectory, record_calls, recurrent_layer, trajectory

Lengths: TypeAlias = Tensor | tuple[Tensor | None, ...] | None
Record: TypeAlias = tuple[InputLayout, Trajectory]


class RecurrentAttribution(InternalAttribution):  # type: ignore[misc]
    """Runs the model once, records what its recurrent layer did, and formats the scores.

    A method is a subclass that maps a `Trajectory` to scores and to the sums that they must have.

    Args:
        forward_func: The model, or any function that runs it.
        layer: The recurrent layer in it; `None`: `forward_func` is itself that layer.
        device_ids: Kept for Captum's signature.
        batch_first: Whether dimension 0 of the inputs is the batch. Not used where `layer` is None.
    """

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

    def _score(self, path: Trajectory) -> Tensor:
        """The method itself: scores (batch, time) of the steps of the layer."""
        raise NotImplementedError

    def _total(self, path: Trajectory) -> Tensor:
        """What the scores of each row must sum to (batch,)."""
        raise NotImplementedError

    @overload
    def attribute(
        self,
        inputs: Tensor,
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
        return_convergence_delta: Literal[False] = False,
    ) -> Tensor: ...

    @overload
    def attribute(
        self,
        inputs: tuple[Tensor, ...],
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
        return_convergence_delta: Literal[False] = False,
    ) -> tuple[Tensor, ...]: ...

    @overload
    def attribute(
        self,
        inputs: Tensor,
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
        return_convergence_delta: Literal[True],
    ) -> tuple[Tensor, Tensor]: ...

    @overload
    def attribute(
        self,
        inputs: tuple[Tensor, ...],
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
        return_convergence_delta: Literal[True],
    ) -> tuple[tuple[Tensor, ...], Tensor]: ...

    @log_usage(part_of_slo=True)  # type: ignore[untyped-decorator]
    def attribute(
        self,
        inputs: Tensor | tuple[Tensor, ...],
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
        return_convergence_delta: bool = False,
    ) -> Any:
        """Scores the tokens of `inputs` in one forward pass under `no_grad`.

        Args:
            inputs: Token ids (batch, time) or embedded tokens (batch, time, features). A tuple of
                k tensors for a model that runs the layer once for each of them, in that order.
            target: The class, as for every Captum method. It is validated by Captum; the scores
                do not depend on it.
            additional_forward_args: Further arguments of `forward_func`.
            lengths: Number of real tokens in each row (batch,), for a model that runs its padding
                through the layer and picks the state at `lengths - 1` itself. The scores of the
                padding are then 0. A packed sequence brings its own lengths. For several inputs:
                a tuple with one entry each.
            return_convergence_delta: Also return the difference between the sum of the scores and
                what they must sum to.

        Returns:
            Attributions of exactly the shape of `inputs`, a tuple if `inputs` is one. A token's
            score is shared equally over its features. float32, or float64 if the states are.
            With `return_convergence_delta`, a pair of them and the differences (batch,), which are
            rounding errors: below 1e-5.

        Raises:
            TypeError: A layer that is not recurrent; inputs or lengths that are no tensors.
            ValueError: The layer did not run once for each input, or saw another batch or another
                number of steps than the input has; lengths or positions out of range.
            AssertionError: A target that does not fit the model's output, from Captum.
        """
        records = self._record(inputs, target, additional_forward_args, lengths)
        scores = [path.at_inputs(self._score(path), layout.time) for layout, path in records]
        attributions = tuple(
            layout.arrange(tokens) for (layout, _), tokens in zip(records, scores, strict=True)
        )
        formatted = _format_output(_is_tuple(inputs), attributions)
        if not return_convergence_delta:
            return formatted
        return formatted, self._difference_from_totals(scores, records)

    def attribute_future(self) -> NoReturn:
        """Not implemented, as for Captum's own primary methods."""
        raise NotImplementedError(
            f"attribute_future is not implemented for {type(self).__name__}; call attribute"
        )

    def has_convergence_delta(self) -> bool:
        """True: the scores of a row have a known sum."""
        return True

    def compute_convergence_delta(
        self,
        attributions: Tensor | tuple[Tensor, ...],
        inputs: Tensor | tuple[Tensor, ...],
        target: Any = None,
        additional_forward_args: Any = None,
        *,
        lengths: Lengths = None,
    ) -> Tensor:
        """The sum of given attributions minus what they must sum to, in one forward pass.

        Args:
            attributions: What `attribute` returned for the other arguments.
            inputs: As for `attribute`.
            target: As for `attribute`.
            additional_forward_args: As for `attribute`.
            lengths: As for `attribute`.

        Returns:
            The differences (batch,).

        Raises:
            ValueError: Attributions whose shapes are not those of the inputs.
        """
        records = self._record(inputs, target, additional_forward_args, lengths)
        given = check_inputs(attributions)
        shapes = [tuple(tensor.shape) for tensor in given]
        expected = [tuple(layout.shape) for layout, _ in records]
        if shapes != expected:
            raise ValueError(
                f"attributions have the shapes {shapes}; expected those of the inputs, {expected}"
            )
        scores = [layout.gather(tensor) for (layout, _), tensor in zip(records, given, strict=True)]
        return self._difference_from_totals(scores, records)

    def _difference_from_totals(self, scores: list[Tensor], records: list[Record]) -> Tensor:
        differences = [
            tokens.sum(1) - self._total(path)
            for tokens, (_, path) in zip(scores, records, strict=True)
        ]
        return torch.stack(differences).sum(0)

    def _record(
        self, inputs: Any, target: Any, additional_forward_args: Any, lengths: Lengths
    ) -> list[Record]:
        """Runs the model once; what the layer did for each input tensor."""
        layer = recurrent_layer(self.layer)
        tensors = check_inputs(inputs)
        each_lengths = _one_for_each_input(lengths, len(tensors))
        layouts = [self._layout(layer, tensor) for tensor in tensors]
        if self._is_bare and target is not None:
            raise ValueError(
                f"target is {target!r}, but forward_func is the recurrent module itself, which "
                "has no classes; leave target out, or pass the model and its layer"
            )

        # Captum inspects the signature of what it runs, which takes long for a module.
        def forward(*args: Any) -> Any:
            return self.forward_func(*args)

        with torch.no_grad():
            calls = record_calls(
                layer, lambda: _run_forward(forward, tensors, target, additional_forward_args)
            )
            self._check_number_of_calls(len(calls), len(tensors))
            paths = [
                trajectory(layer, call, row_lengths)
                for call, row_lengths in zip(calls, each_lengths, strict=True)
            ]
        for layout, path in zip(layouts, paths, strict=True):
            self._check_fit(path, layout)
        return list(zip(layouts, paths, strict=True))

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
        batch, time = len(path.paths[0]), path.time
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


def _one_for_each_input(lengths: Lengths, inputs: int) -> tuple[Tensor | None, ...]:
    each = lengths if isinstance(lengths, tuple) else (lengths,)
    if lengths is None:
        each = (None,) * inputs
    if len(each) != inputs:
        raise ValueError(
            f"lengths has {len(each)} entry(ies) for {inputs} input tensor(s); pass a tuple with "
            "one entry for each of them"
        )
    return each
